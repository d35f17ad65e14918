// Drawing: the matte, and the person before a chosen background.

const BLUR_EDGE = 160; // px; the blurred background is computed this small
const BLUR_RADIUS = 4; // px there, three boxes: a Gaussian of about 2.5 % of the longer side

/** A canvas of this size that is not on the page. */
export function canvasOf(width, height) {
  return Object.assign(document.createElement("canvas"), { width, height });
}

/** White, as opaque as the person, from a cut-out. */
export function veilOfCutout(cutout) {
  const veil = canvasOf(cutout.width, cutout.height);
  const context = veil.getContext("2d");
  context.drawImage(cutout, 0, 0);
  context.globalCompositeOperation = "source-in";
  context.fillStyle = "#fff";
  context.fillRect(0, 0, veil.width, veil.height);
  return veil;
}

/** Turns grey mattes into veils, frame after frame, in the same canvas. */
export class VeilOfMatte {
  #canvas = canvasOf(1, 1);
  #context = this.#canvas.getContext("2d", { willReadFrequently: true });

  draw(matte) {
    const { width, height } = matte;
    if (this.#canvas.width !== width || this.#canvas.height !== height) Object.assign(this.#canvas, { width, height });
    this.#context.globalCompositeOperation = "copy";
    this.#context.drawImage(matte, 0, 0);
    const image = this.#context.getImageData(0, 0, width, height);
    const pixels = new Uint32Array(image.data.buffer);
    for (let i = 0; i < pixels.length; i += 1) pixels[i] = (pixels[i] << 24) | 0xffffff; // little endian: A B G R
    this.#context.putImageData(image, 0, 0);
    return this.#canvas;
  }
}

/** The person of a frame, in the frame's own colours. */
export class PersonOfFrame {
  #canvas = canvasOf(1, 1);
  #context = this.#canvas.getContext("2d");

  draw(frame, veil) {
    const { width, height } = veil;
    if (this.#canvas.width !== width || this.#canvas.height !== height) Object.assign(this.#canvas, { width, height });
    this.#context.globalCompositeOperation = "copy";
    this.#context.drawImage(frame, 0, 0, width, height);
    this.#context.globalCompositeOperation = "destination-in";
    this.#context.drawImage(veil, 0, 0);
    return this.#canvas;
  }
}

/** The two canvases under the divider. */
export class Scene {
  background = { kind: "transparent" }; // or colour (value), blur, picture (image)
  left = "matte"; // or original

  constructor(composite, matte, sheet) {
    this.composite = composite;
    this.matte = matte;
    this.sheet = sheet;
    this.shown = null;
  }

  /** Show a frame with its person and veil: three sources of one size. */
  show(frame, person, veil) {
    this.shown = { frame, person, veil };
    this.draw();
  }

  /** Show a frame alone, until its matte is there. */
  preview(frame) {
    this.#fit(frame);
    for (const canvas of [this.composite, this.matte]) canvas.getContext("2d").drawImage(frame, 0, 0);
    this.sheet.classList.add("is-pending");
  }

  draw() {
    this.sheet.classList.remove("is-pending");
    if (this.shown === null) return;
    const { width, height } = this.shown.veil;
    this.#fit(this.shown.veil);
    this.#drawLeft(this.matte.getContext("2d"), width, height);
    const context = this.composite.getContext("2d");
    context.clearRect(0, 0, width, height);
    this.#drawBackground(context, width, height);
    context.drawImage(this.shown.person, 0, 0);
  }

  #fit({ width, height }) {
    for (const canvas of [this.composite, this.matte]) {
      if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    }
    this.sheet.style.setProperty("--ratio", String(width / height));
  }

  #drawLeft(context, width, height) {
    if (this.left === "original") {
      context.drawImage(this.shown.frame, 0, 0, width, height);
      return;
    }
    context.fillStyle = "#000";
    context.fillRect(0, 0, width, height);
    context.drawImage(this.shown.veil, 0, 0);
  }

  #drawBackground(context, width, height) {
    const { kind, value, image } = this.background;
    if (kind === "colour") {
      context.fillStyle = value;
      context.fillRect(0, 0, width, height);
    } else if (kind === "blur") {
      context.imageSmoothingQuality = "high";
      context.drawImage(blurredSurroundings(this.shown.frame, this.shown.veil), 0, 0, width, height);
    } else if (kind === "picture" && image) {
      const scale = Math.max(width / image.width, height / image.height);
      const [w, h] = [image.width * scale, image.height * scale];
      context.drawImage(image, (width - w) / 2, (height - h) / 2, w, h);
    }
  }
}

/** What is behind the person, out of focus: a mean over the background alone, so that nobody bleeds into it. */
function blurredSurroundings(frame, veil) {
  const scale = Math.min(1, BLUR_EDGE / Math.max(veil.width, veil.height));
  const small = canvasOf(Math.max(1, Math.round(veil.width * scale)), Math.max(1, Math.round(veil.height * scale)));
  const { width, height } = small;
  const context = small.getContext("2d", { willReadFrequently: true });
  context.drawImage(frame, 0, 0, width, height);
  context.globalCompositeOperation = "destination-out";
  context.drawImage(veil, 0, 0, width, height);
  const image = context.getImageData(0, 0, width, height);
  let planes = weighted(image.data);
  for (let pass = 0; pass < 3; pass += 1) {
    planes = planes.map((plane) => boxBlur(boxBlur(plane, width, height, 1, width), height, width, width, 1));
  }
  const mean = planes.map((plane) => plane.reduce((sum, value) => sum + value, 0) / plane.length);
  for (let i = 0; i < width * height; i += 1) {
    // Where no background is near, its mean: a little of it is everywhere.
    const weight = planes[3][i] + 1e-3 * mean[3] + 1e-9;
    for (let c = 0; c < 3; c += 1) image.data[4 * i + c] = (planes[c][i] + 1e-3 * mean[c]) / weight;
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return small;
}

/** RGBA bytes to four float planes: colours times opacity, and opacity. */
function weighted(data) {
  const planes = [0, 1, 2, 3].map(() => new Float32Array(data.length / 4));
  for (let i = 0; i < planes[3].length; i += 1) {
    const opacity = data[4 * i + 3] / 255;
    for (let c = 0; c < 3; c += 1) planes[c][i] = data[4 * i + c] * opacity;
    planes[3][i] = opacity;
  }
  return planes;
}

/** A running mean along one axis; `step` apart within a line, `lineStep` between lines. The edge repeats. */
function boxBlur(plane, length, lines, step, lineStep) {
  const result = new Float32Array(plane.length);
  for (let line = 0; line < lines; line += 1) {
    const at = (i) => plane[line * lineStep + Math.min(Math.max(i, 0), length - 1) * step];
    let sum = 0;
    for (let i = -BLUR_RADIUS; i <= BLUR_RADIUS; i += 1) sum += at(i);
    for (let i = 0; i < length; i += 1) {
      result[line * lineStep + i * step] = sum / (2 * BLUR_RADIUS + 1);
      sum += at(i + BLUR_RADIUS + 1) - at(i - BLUR_RADIUS);
    }
  }
  return result;
}
