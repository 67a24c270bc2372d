// The wall-tablet mode: the whole screen, larger, without the pages' names, dim when nobody is near, and
// awake where the browser can keep it so. Kept for this browser until one leaves it.

import { el, icon, t, tell } from "./core.js";

const KEPT = "homard.wall";
/** Without a touch for this long it dims. */
const DIM = 2 * 60 * 1000;

const root = document.documentElement;
let lock = null;
let timer;

/** Keeps the screen on; false where the browser does not. It forgets it whenever the page is hidden. */
async function stayAwake() {
  try {
    lock = await navigator.wakeLock.request("screen");
    return true;
  } catch {
    return false;
  }
}

function brighten() {
  root.classList.remove("dim");
  clearTimeout(timer);
  timer = setTimeout(() => root.classList.contains("wall") && root.classList.add("dim"), Number(root.dataset.dim ?? DIM));
}

/** The first touch of a dim screen only wakes it. */
function wake(touch) {
  if (root.classList.contains("dim")) {
    touch.preventDefault();
    touch.stopPropagation();
  }
  if (touch.type !== "pointerdown" || !root.classList.contains("dim")) {
    brighten();
  }
}

async function enter(isAsked) {
  root.classList.add("wall");
  keep("1");
  brighten();
  if (isAsked) {
    await root.requestFullscreen?.().catch(() => {});
    tell(t((await stayAwake()) ? "wall.awake" : "wall.asleep"));
  } else {
    stayAwake();
  }
}

function leave() {
  root.classList.remove("wall", "dim");
  clearTimeout(timer);
  keep(null);
  lock?.release();
  lock = null;
  if (document.fullscreenElement) {
    document.exitFullscreen();
  }
}

function keep(value) {
  try {
    value === null ? localStorage.removeItem(KEPT) : localStorage.setItem(KEPT, value);
  } catch {
    // A browser that keeps nothing asks each time.
  }
}

function isKept() {
  try {
    return localStorage.getItem(KEPT) !== null;
  } catch {
    return false;
  }
}

/** Puts the buttons into the top bar, and goes on where this browser was. */
export function wall() {
  document.querySelector(".top-bar").append(
    el("button", { type: "button", class: "quiet wall-enter", onclick: () => enter(true) }, icon("tablet"), t("wall")),
    el("button", { type: "button", class: "quiet wall-leave", text: t("wall.leave"), onclick: leave }));
  for (const touch of ["pointerdown", "click", "keydown"]) {
    addEventListener(touch, wake, { capture: true });
  }
  document.addEventListener("visibilitychange", () => !document.hidden && root.classList.contains("wall") && stayAwake());
  if (isKept()) {
    enter(false);
  }
}
