// The trimap editor: a brush over the photograph, by pointer or by keyboard.

import { canvasOf } from "./paint.js";

// By what the brush paints: the value in the trimap's picture, and how the photograph is tinted there.
const CLASSES = {
  foreground: { value: 255, tint: "rgb(47 179 106 / 24%)", key: "1" },
  unknown: { value: 128, tint: "rgb(242 169 0 / 62%)", key: "2" },
  background: { value: 0, tint: "rgb(14 16 19 / 72%)", key: "3" },
};
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Brush extends EventTarget {
  paints = "unknown";
  size = 36; // px of the screen
  #trimap = canvasOf(1, 1); // grey, as the service takes it
  #original = canvasOf(1, 1); // the network's own
  #strokes = []; // {paints, width, points}, in pixels of the photograph
  #open = null; // the stroke being drawn
  #spot = [0, 0]; // of the keyboard's brush

  constructor(overlay, cursor) {
    super();
    this.overlay = overlay;
    this.cursor = cursor;
    overlay.addEventListener("pointerdown", (event) => this.#begin(event));
    overlay.addEventListener("pointermove", (event) => this.#move(event));
    overlay.addEventListener("pointerup", () => this.#end());
    overlay.addEventListener("pointercancel", () => this.#end());
    overlay.addEventListener("pointerleave", () => { this.cursor.hidden = true; });
    overlay.addEventListener("keydown", (event) => this.#press(event));
    overlay.addEventListener("focus", () => { if (overlay.matches(":focus-visible")) this.#showCursor(this.#spot); });
    overlay.addEventListener("blur", () => { this.cursor.hidden = true; });
  }

  get hasStrokes() {
    return this.#strokes.length > 0;
  }

  /** Start from the network's trimap: a grey picture of the photograph's size. */
  load(picture) {
    this.#original = picture;
    this.#strokes = [];
    this.#spot = [picture.width / 2, picture.height / 2];
    this.#redraw();
  }

  undo() {
    this.#strokes.pop();
    this.#redraw();
    this.dispatchEvent(new Event("change"));
  }

  reset() {
    this.#strokes = [];
    this.#redraw();
    this.dispatchEvent(new Event("change"));
  }

  /** The trimap as a PNG. */
  blob() {
    return new Promise((resolve) => this.#trimap.toBlob(resolve, "image/png"));
  }

  #redraw() {
    const { width, height } = this.#original;
    for (const canvas of [this.#trimap, this.overlay]) Object.assign(canvas, { width, height });
    const trimap = this.#trimap.getContext("2d", { willReadFrequently: true });
    trimap.drawImage(this.#original, 0, 0);
    this.overlay.getContext("2d").putImageData(tinted(trimap.getImageData(0, 0, width, height)), 0, 0);
    for (const stroke of this.#strokes) this.#draw(stroke);
  }

  #draw({ paints, width, points }) {
    const { value, tint } = CLASSES[paints];
    this.#stroke(this.#trimap, `rgb(${value} ${value} ${value})`, "source-over", width, points);
    this.#stroke(this.overlay, "#000", "destination-out", width, points);
    this.#stroke(this.overlay, tint, "source-over", width, points);
  }

  #stroke(canvas, style, operation, width, points) {
    const context = canvas.getContext("2d");
    context.globalCompositeOperation = operation;
    Object.assign(context, { strokeStyle: style, lineWidth: width, lineCap: "round", lineJoin: "round" });
    context.beginPath();
    context.moveTo(...points[0]);
    for (const point of points.slice(1)) context.lineTo(...point);
    const [x, y] = points.at(-1);
    context.lineTo(x + 0.01, y); // a stroke of one point has no length, and would not be drawn
    context.stroke();
    context.globalCompositeOperation = "source-over";
  }

  /** Pixels of the photograph per pixel of the screen. */
  get #scale() {
    return this.overlay.width / this.overlay.getBoundingClientRect().width;
  }

  #at(event) {
    const box = this.overlay.getBoundingClientRect();
    return [(event.clientX - box.left) * this.#scale, (event.clientY - box.top) * this.#scale];
  }

  #begin(event) {
    if (event.button !== 0) return;
    this.overlay.setPointerCapture(event.pointerId);
    this.#open = { paints: this.paints, width: this.size * this.#scale, points: [this.#at(event)] };
    this.#draw(this.#open);
  }

  #move(event) {
    this.#showCursor(this.#at(event));
    if (this.#open === null) return;
    const { paints, width, points } = this.#open;
    points.push(this.#at(event));
    this.#draw({ paints, width, points: points.slice(-2) });
  }

  #end() {
    if (this.#open === null) return;
    this.#strokes.push(this.#open);
    this.#open = null;
    this.#redraw(); // a stroke drawn piece by piece tints its joints twice
    this.dispatchEvent(new Event("change"));
  }

  #press(event) {
    const chosen = Object.keys(CLASSES).find((name) => CLASSES[name].key === event.key);
    if (event.ctrlKey || event.metaKey) {
      if (event.key !== "z" || !this.hasStrokes) return;
      this.undo();
    } else if (event.key in ARROWS) {
      const step = this.size * this.#scale * (event.shiftKey ? 2 : 0.5);
      this.#spot = [0, 1].map((axis) =>
        Math.min([this.overlay.width, this.overlay.height][axis], Math.max(0, this.#spot[axis] + ARROWS[event.key][axis] * step)));
      this.#showCursor(this.#spot);
    } else if (event.key === " " || event.key === "Enter") {
      this.#open = { paints: this.paints, width: this.size * this.#scale, points: [this.#spot] };
      this.#end();
    } else if (chosen) {
      this.dispatchEvent(new CustomEvent("choose", { detail: chosen }));
    } else if (event.key === "[" || event.key === "]") {
      this.dispatchEvent(new CustomEvent("resize", { detail: event.key === "]" ? 6 : -6 }));
      this.#showCursor(this.#spot);
    } else {
      return;
    }
    event.preventDefault();
  }

  #showCursor([x, y]) {
    const { style } = this.cursor;
    this.cursor.hidden = false;
    style.left = `${(100 * x) / this.overlay.width}%`;
    style.top = `${(100 * y) / this.overlay.height}%`;
    style.width = style.height = `${this.size}px`;
  }
}

function tinted(image) {
  const tints = Object.fromEntries(Object.values(CLASSES).map(({ value, tint }) => [value, tint.match(/\d+/g).map(Number)]));
  for (let i = 0; i < image.data.length; i += 4) {
    const [red, green, blue, percent] = tints[image.data[i]] ?? tints[128];
    image.data.set([red, green, blue, 2.55 * percent], i);
  }
  return image;
}
