// The page: what a person does, and what is shown for it.

import { matte, onTokenNeeded, readiness, Refused } from "./api.js";
import { Brush } from "./brush.js";
import { makeDivider } from "./divider.js";
import { canvasOf, Scene, veilOfCutout } from "./paint.js";
import { Webcam } from "./webcam.js";

const MESSAGE_MS = 12_000;

const at = (id) => document.getElementById(id);
const sheet = at("sheet");
const scene = new Scene(at("composite"), at("matte"), sheet);
const brush = new Brush(at("overlay"), at("cursor"));
const webcam = new Webcam(at("video"), scene);

let photo = null; // {file, name, frame, cutout: Blob, trimap: boolean}
let working = null; // AbortController of the request under way

// Photographs

async function openPhoto(file) {
  if (webcam.isOn) webcam.stop();
  endEditing();
  await busy("Matting…", async (signal) => {
    const frame = await bitmapOf(file);
    showSheet(true);
    scene.preview(frame);
    let result;
    try {
      result = await matte({ image: file }, { output: "cutout" }, signal);
    } catch (error) {
      if (!signal.aborted) showBefore();
      throw error;
    }
    photo = { file, name: file.name?.replace(/\.[^.]*$/, "") || "photo", frame, cutout: result.blob };
    await showCutout(result);
  });
}

/** What was there before a photo that got no matte. */
function showBefore() {
  showSheet(scene.shown !== null);
  scene.draw();
}

async function showCutout(result) {
  const cutout = await bitmapOf(result.blob);
  photo.cutout = result.blob;
  scene.show(photo.frame, cutout, veilOfCutout(cutout));
  showTools({ canEdit: true });
  speak(`The matte is there, after ${seconds(result.totalMs)}.`);
  showFigures({ size: `${cutout.width} × ${cutout.height}`, latencyMs: result.totalMs, networkMs: result.networkMs });
}

async function bitmapOf(blob) {
  try {
    return await createImageBitmap(blob);
  } catch {
    throw new Refused("This browser can't show that file. Wanted is a photo: JPEG, PNG, WebP or AVIF.");
  }
}

/** Run one request, the latest: an earlier one is given up. */
async function busy(text, work) {
  working?.abort();
  const mine = new AbortController();
  working = mine;
  at("busy-text").textContent = text;
  at("busy").hidden = false;
  at("message").hidden = true;
  speak(text);
  try {
    await work(mine.signal);
  } catch (error) {
    if (error.name !== "AbortError") fail(error);
  } finally {
    if (working === mine) at("busy").hidden = true;
  }
}

// The trimap

async function startEditing() {
  await busy("Fetching the trimap…", async (signal) => {
    const { blob } = await matte({ image: photo.file }, { output: "trimap" }, signal);
    const bitmap = await bitmapOf(blob);
    const picture = canvasOf(bitmap.width, bitmap.height);
    picture.getContext("2d").drawImage(bitmap, 0, 0);
    brush.load(picture);
    setEditing(true);
    at("overlay").focus({ preventScroll: true });
  });
}

function isEditing() {
  return at("edit-toggle").getAttribute("aria-pressed") === "true";
}

function endEditing() {
  if (isEditing()) setEditing(false);
}

function setEditing(on) {
  at("overlay").hidden = !on;
  at("edit-tools").hidden = !on;
  at("edit-toggle").setAttribute("aria-pressed", String(on));
  at("edit-toggle").textContent = on ? "Done" : "Edit the trimap";
  at("compare").disabled = on;
  at("cursor").hidden = true;
  showLeft(on ? "trimap" : document.querySelector('input[name="left"]:checked').value);
  showUndo();
}

/** What lies left of the divider: the matte, the original, or the original under the trimap that is being edited. */
function showLeft(what) {
  scene.left = what === "matte" ? "matte" : "original";
  at("tag-left").textContent = { matte: "Matte", original: "Original", trimap: "Trimap" }[what];
  scene.draw();
}

function showUndo() {
  at("undo").disabled = at("reset").disabled = !brush.hasStrokes;
}

brush.addEventListener("change", () => {
  showUndo();
  busy("Updating…", async (signal) => {
    const parts = brush.hasStrokes ? { image: photo.file, trimap: await brush.blob() } : { image: photo.file };
    await showCutout(await matte(parts, { output: "cutout" }, signal));
  });
});
brush.addEventListener("choose", ({ detail }) => {
  document.querySelector(`input[name="brush"][value="${detail}"]`).checked = true;
  brush.paints = detail;
});
brush.addEventListener("resize", ({ detail }) => setBrushSize(brush.size + detail));

function setBrushSize(size) {
  const slider = at("brush-size");
  slider.value = String(size);
  brush.size = Number(slider.value);
  at("brush-size-text").textContent = `${brush.size} px`;
}

// The webcam

async function toggleWebcam() {
  if (webcam.isOn) {
    webcam.stop();
    return;
  }
  endEditing();
  working?.abort();
  photo = null;
  try {
    await webcam.start();
    at("webcam").setAttribute("aria-pressed", "true");
    at("webcam").textContent = "Stop";
    showTools({ canEdit: false });
  } catch (error) {
    fail(error instanceof Refused ? error : new Refused(CAMERA_FAULTS[error.name] ?? `No webcam: ${error.message}`));
  }
}

const CAMERA_FAULTS = {
  NotAllowedError: "The browser does not allow the webcam on this page: allow it in the address bar.",
  NotFoundError: "There is no webcam.",
  NotReadableError: "Another program uses the webcam.",
};

webcam.addEventListener("stopped", () => {
  at("webcam").setAttribute("aria-pressed", "false");
  at("webcam").textContent = "Webcam";
});
webcam.addEventListener("frame", ({ detail }) => {
  const { width, height } = scene.shown.veil;
  showFigures({ size: `${width} × ${height}`, ...detail });
});
webcam.addEventListener("lost", ({ detail }) => fail(new Refused(detail)));
webcam.addEventListener("refused", ({ detail }) => fail(new Refused(detail)));

// Downloads

const DOWNLOADS = {
  "save-cutout": async () => ["cutout", photo?.cutout ?? (await pngOf(scene.shown.person))],
  "save-matte": async () => ["matte", await pngOf(matteAlone())],
  "save-shown": async () => ["composite", await pngOf(scene.composite)],
};

function matteAlone() {
  const { veil } = scene.shown;
  const canvas = canvasOf(veil.width, veil.height);
  const context = canvas.getContext("2d");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(veil, 0, 0);
  return canvas;
}

function pngOf(canvas) {
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

async function save(action) {
  const [what, blob] = await DOWNLOADS[action]();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${photo?.name ?? "webcam"}-${what}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// What is shown beside the picture

function showSheet(on) {
  at("welcome").hidden = on;
  sheet.hidden = !on;
}

function showTools({ canEdit }) {
  showSheet(true);
  at("background").disabled = false;
  at("compare").disabled = isEditing();
  at("edit").disabled = !canEdit;
  for (const id of Object.keys(DOWNLOADS)) at(id).disabled = false;
}

function showFigures({ size, latencyMs, networkMs = null, rate = null }) {
  at("figure-size").textContent = size;
  at("figure-latency").textContent = `${Math.round(latencyMs)} ms`;
  at("figure-network").textContent = networkMs === null ? "–" : `${Math.round(networkMs)} ms`;
  at("figure-rate").textContent = rate === null ? "–" : rate.toFixed(1);
}

function seconds(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** For those who listen to the page. */
function speak(text) {
  at("spoken").textContent = text;
}

let hiding;
function fail(error) {
  const message = at("message");
  message.textContent = error.message;
  message.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { message.hidden = true; }, MESSAGE_MS);
  if (!(error instanceof Refused)) throw error;
}

// The background

function setBackground(kind) {
  at("colour-option").hidden = kind !== "colour";
  at("picture-option").hidden = kind !== "picture";
  scene.background = { ...scene.background, kind, value: at("colour").value };
  scene.draw();
  if (kind === "picture" && !scene.background.image) at("picture").click();
}

async function setPicture(file) {
  try {
    scene.background.image = await bitmapOf(file);
  } catch (error) {
    fail(error);
    return;
  }
  const thumbnail = canvasOf(88, 88);
  const { width, height } = scene.background.image;
  const scale = Math.max(88 / width, 88 / height);
  thumbnail.getContext("2d").drawImage(scene.background.image, 44 - (width * scale) / 2, 44 - (height * scale) / 2, width * scale, height * scale);
  at("picture-swatch").style.backgroundImage = `url(${thumbnail.toDataURL()})`;
  scene.draw();
}

function setColour() {
  at("colour-swatch").style.backgroundColor = at("colour").value;
  scene.background = { ...scene.background, value: at("colour").value };
  scene.draw();
}

// What a person does

const ACTIONS = {
  choose: () => at("file").click(),
  picture: () => at("picture").click(),
  webcam: toggleWebcam,
  edit: () => (isEditing() ? setEditing(false) : startEditing()),
  undo: () => brush.undo(),
  reset: () => brush.reset(),
};

document.addEventListener("click", ({ target }) => {
  const action = target.closest("[data-action]")?.dataset.action;
  if (action in DOWNLOADS) save(action);
  else ACTIONS[action]?.();
});
at("file").addEventListener("change", ({ target }) => {
  if (target.files.length > 0) openPhoto(target.files[0]);
  target.value = "";
});
at("picture").addEventListener("change", ({ target }) => {
  if (target.files.length > 0) setPicture(target.files[0]);
});
at("colour").addEventListener("input", setColour);
at("brush-size").addEventListener("input", ({ target }) => setBrushSize(Number(target.value)));
document.addEventListener("change", ({ target }) => {
  if (target.name === "background") setBackground(target.value);
  if (target.name === "brush") brush.paints = target.value;
  if (target.name === "left") showLeft(target.value);
});

const stage = at("stage");
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  stage.classList.add("is-target");
});
document.addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) stage.classList.remove("is-target");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  stage.classList.remove("is-target");
  if (event.dataTransfer.files.length > 0) openPhoto(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length > 0) openPhoto(event.clipboardData.files[0]);
});

onTokenNeeded(
  () =>
    new Promise((resolve) => {
      const dialog = at("token-dialog");
      at("token").value = "";
      dialog.returnValue = "cancel";
      dialog.addEventListener("close", () => resolve(at("token").value || null), { once: true });
      dialog.showModal();
    }),
);

makeDivider(at("divider"), sheet);
setColour();
readiness().then((ready) => {
  at("engine").textContent = ready ? `${ready.backend} on ${ready.device}` : "busy";
});
