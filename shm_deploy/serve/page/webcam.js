// The webcam through the service: a frame goes out, its matte comes back, both are shown together.

import { openLive } from "./api.js";
import { canvasOf, PersonOfFrame, VeilOfMatte } from "./paint.js";

const IN_FLIGHT = 2; // frames: one at the service, one on its way
const JPEG_QUALITY = 0.85;
const RATE_OVER_MS = 2000;

export class Webcam extends EventTarget {
  #stream = null;
  #socket = null;
  #sent = []; // {frame, at}, in the order of their answers
  #free = []; // canvases to grab frames into
  #arrivals = [];
  #grabbing = false;
  #veil = new VeilOfMatte();
  #person = new PersonOfFrame();

  constructor(video, scene) {
    super();
    this.video = video;
    this.scene = scene;
  }

  get isOn() {
    return this.#stream !== null;
  }

  async start() {
    this.#stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, height: { ideal: 480 } } });
    try {
      this.video.srcObject = this.#stream;
      await this.video.play();
      // A grey JPEG takes a tenth of the time of a PNG at both ends.
      this.#socket = await openLive({ output: "alpha", format: "jpeg" });
    } catch (error) {
      this.stop();
      throw error;
    }
    this.#socket.addEventListener("message", (event) => this.#receive(event.data));
    this.#socket.addEventListener("close", (event) => {
      if (!this.isOn) return;
      this.stop();
      this.dispatchEvent(new CustomEvent("lost", { detail: event.reason || "The service closed the live stream." }));
    });
    this.#stream.getVideoTracks()[0].addEventListener("ended", () => this.stop());
    this.#awaitFrame();
  }

  stop() {
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#stream = null;
    this.#socket?.close();
    this.#socket = null;
    this.#sent = [];
    this.#arrivals = [];
    this.video.srcObject = null;
    this.dispatchEvent(new Event("stopped"));
  }

  #awaitFrame() {
    if (!this.isOn) return;
    const next = () => this.#grab();
    if ("requestVideoFrameCallback" in this.video) this.video.requestVideoFrameCallback(next);
    else requestAnimationFrame(next);
  }

  async #grab() {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (!this.isOn || this.#grabbing || width === 0 || this.#sent.length >= IN_FLIGHT) return this.#awaitFrame();
    this.#grabbing = true;
    const frame = this.#free.pop() ?? canvasOf(width, height);
    if (frame.width !== width || frame.height !== height) Object.assign(frame, { width, height });
    const at = performance.now();
    frame.getContext("2d").drawImage(this.video, 0, 0);
    const blob = await new Promise((resolve) => frame.toBlob(resolve, "image/jpeg", JPEG_QUALITY));
    this.#grabbing = false;
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.#sent.push({ frame, at });
      this.#socket.send(blob);
    }
    this.#awaitFrame();
  }

  async #receive(data) {
    const { frame, at } = this.#sent.shift() ?? {};
    if (frame === undefined) return;
    if (typeof data === "string") {
      this.#free.push(frame);
      this.dispatchEvent(new CustomEvent("refused", { detail: JSON.parse(data).detail }));
      return;
    }
    const matte = await createImageBitmap(data);
    if (!this.isOn) return;
    const veil = this.#veil.draw(matte);
    matte.close();
    const previous = this.scene.shown?.frame;
    this.scene.show(frame, this.#person.draw(frame, veil), veil);
    if (previous instanceof HTMLCanvasElement && previous !== frame) this.#free.push(previous);
    this.#report(performance.now() - at);
  }

  #report(latencyMs) {
    const now = performance.now();
    this.#arrivals.push(now);
    while (this.#arrivals[0] < now - RATE_OVER_MS) this.#arrivals.shift();
    const span = now - this.#arrivals[0];
    const rate = span > 0 ? (1000 * (this.#arrivals.length - 1)) / span : null;
    this.dispatchEvent(new CustomEvent("frame", { detail: { latencyMs, rate } }));
  }
}
