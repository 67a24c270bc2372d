// What this browser shows first: the owner of a phone and a tablet on a wall want different things near.

import { el, t } from "./core.js";

const KEPT = "homard.favourites";
const MAX = 60;
let ids = [];
try {
  const kept = JSON.parse(localStorage.getItem(KEPT));
  ids = Array.isArray(kept) ? kept.filter((id) => typeof id === "string") : [];
} catch {
  // A browser that keeps nothing has none.
}
let changed = () => {};

/** Calls back when they change. */
export function onFavourites(callback) {
  changed = callback;
}

/** Their ids, in the order they were chosen. */
export function favourites() {
  return ids;
}

/** Whether it is one. */
export function isFavourite(id) {
  return ids.includes(id);
}

/** Makes it one, or no longer. */
export function toggleFavourite(id) {
  ids = isFavourite(id) ? ids.filter((other) => other !== id) : [...ids, id].slice(-MAX);
  try {
    localStorage.setItem(KEPT, JSON.stringify(ids));
  } catch {
    // As above: they last until the page is left.
  }
  changed();
}

/** Their place on the page: a room above all others, and in it a node for each that there is. */
export function favouritesRoom(nodeOf) {
  const nodes = ids.map(nodeOf).filter(Boolean);
  if (nodes.length === 0) {
    return null;
  }
  const copies = nodes.map((node) => el("li", { class: node.classList.contains("fact") ? "fact" : "card", "data-id": node.dataset.id, "data-state": node.dataset.state, "data-heard": node.dataset.heard ?? null, "data-confirm": node.dataset.confirm ?? null },
    node.querySelector("svg").cloneNode(true), el("span", { class: "name", text: node.querySelector(".name").textContent })));
  const of = (kind) => copies.filter((copy) => copy.classList.contains(kind));
  const list = (kind, name) => (of(kind).length > 0 ? el("ul", { class: name }, of(kind)) : null);
  return el("section", { class: "room", id: "favourites" }, el("h2", { text: t("favourites") }), list("card", "cards"), list("fact", "facts"));
}
