// The divider between matte and composite: by pointer anywhere on the picture, by keyboard when it has the focus.

const STEPS = { ArrowLeft: -2, ArrowDown: -2, ArrowRight: 2, ArrowUp: 2, PageDown: -10, PageUp: 10 };

export function makeDivider(divider, sheet) {
  let at = 50;

  function moveTo(percent) {
    at = Math.min(100, Math.max(0, percent));
    sheet.style.setProperty("--at", `${at}%`);
    divider.setAttribute("aria-valuenow", String(Math.round(at)));
    divider.setAttribute("aria-valuetext", `${Math.round(at)} % matte`);
  }

  function follow(event) {
    const box = sheet.getBoundingClientRect();
    moveTo((100 * (event.clientX - box.left)) / box.width);
  }

  divider.addEventListener("pointerdown", (event) => {
    divider.setPointerCapture(event.pointerId);
    follow(event);
  });
  divider.addEventListener("pointermove", (event) => {
    if (divider.hasPointerCapture(event.pointerId)) follow(event);
  });
  divider.addEventListener("keydown", (event) => {
    const target = { Home: 0, End: 100 }[event.key] ?? at + (STEPS[event.key] ?? NaN);
    if (Number.isNaN(target)) return;
    event.preventDefault();
    moveTo(target);
  });
  moveTo(at);
}
