// The home page: makes cards of what the server listed, keeps them live, and sums the house up.

import { count, el, follow, icon, later, on, registry, states, t } from "./core.js";
import { heard, onWish, shown } from "./act.js";
import { Card } from "./card.js";
import { favouritesRoom, onFavourites } from "./favourites.js";
import { wall } from "./wall.js";
import { glance } from "./things.js";

const GLANCE = [["alert", "alert"], ["unlocked", "unlock"], ["open", "door-open"], ["warm", "warm"], ["lights", "bulb-on"], ["on", "switch"], ["offline", "offline"]];
/** Heard-at times and what others changed are looked up anew after this time. */
const REFRESH = 10 * 60 * 1000;
/** And not more often than this. */
const PAUSE = 2000;

/** Cards made before the browser may draw, and then per frame: a large house is shown at once and
 * gets its controls in a moment. */
const AT_ONCE = 40;

const cards = new Map();
/** The same things once more, above all rooms. */
const favouriteCards = new Map();
let house = document.getElementById("house");
const summary = document.getElementById("glance");
/** What is shown only, or null. */
let filter = null;

function adopt() {
  const nodes = [...house.querySelectorAll("[data-id]")];
  const found = new Set(nodes.map((node) => node.dataset.id));
  [...cards.keys()].filter((id) => !found.has(id)).forEach((id) => cards.delete(id));
  const fresh = nodes.filter((node) => cards.get(node.dataset.id)?.node !== node);
  const make = () => {
    for (const node of fresh.splice(0, AT_ONCE).filter((node) => node.isConnected)) {
      cards.set(node.dataset.id, new Card(node));
      soon(node.dataset.id);
    }
    if (fresh.length > 0) {
      requestAnimationFrame(make);
    } else {
      drawFavourites();
    }
  };
  make();
}

function drawFavourites() {
  document.getElementById("favourites")?.remove();
  favouriteCards.clear();
  const room = favouritesRoom((id) => cards.get(id)?.node);
  if (room) {
    house.before(room);
    room.querySelectorAll("[data-id]").forEach((node) => favouriteCards.set(node.dataset.id, new Card(node)));
    favouriteCards.forEach((card) => card.update());
    room.hidden = filter !== null;
  }
}

/** Runs at most once a frame, however much changes. */
const soon = (() => {
  const waiting = new Set();
  let isAsked = false;
  return (id) => {
    waiting.add(id);
    if (!isAsked) {
      isAsked = true;
      requestAnimationFrame(() => {
        isAsked = false;
        const ids = [...waiting];
        waiting.clear();
        ids.forEach((one) => [cards, favouriteCards].forEach((all) => all.get(one)?.update()));
        sumUp();
      });
    }
  };
})();

function sumUp() {
  const found = new Map(GLANCE.map(([kind]) => [kind, []]));
  let offline = 0;
  for (const id of cards.keys()) {
    const state = shown(id);
    const kind = state && glance(state);
    if (kind) {
      found.get(kind).push(id);
      offline += kind === "offline" ? 1 : 0;
    }
  }
  const key = JSON.stringify([...found, filter]);
  if (summary.dataset.key !== key) {
    summary.dataset.key = key;
    show(found);
  }
  // Everything gone at once is rarely everything's fault: the server knows whether the broker is lost.
  const isAllGone = cards.size > 1 && offline === cards.size;
  if (isAllGone !== sumUp.wasAllGone) {
    sumUp.wasAllGone = isAllGone;
    refresh();
  }
}

sumUp.wasAllGone = document.getElementById("broker-lost") !== null;

function show(found) {
  if (filter && found.get(filter).length === 0) {
    filter = null;
  }
  const focused = summary.contains(document.activeElement) ? document.activeElement.dataset.kind : null;
  const chips = GLANCE.filter(([kind]) => found.get(kind).length > 0).map(([kind, picture]) =>
    el("li", {}, el("button", { type: "button", class: "chip", "data-kind": kind, "aria-pressed": String(filter === kind), onclick: () => choose(kind) }, icon(picture), el("span", { text: count(`glance.${kind}`, found.get(kind).length) }))));
  const calm = chips.length === 0 && states.size > 0 ? [el("li", { class: "calm", text: t("glance.calm") })] : [];
  summary.replaceChildren(...chips, ...calm);
  if (focused) {
    (summary.querySelector(`[data-kind="${focused}"]`) ?? summary.querySelector("button"))?.focus();
  }
  const shownIds = filter && new Set(found.get(filter));
  document.getElementById("favourites")?.toggleAttribute("hidden", filter !== null);
  for (const [id, card] of cards) {
    card.node.hidden = shownIds ? !shownIds.has(id) : false;
  }
  for (const part of house.querySelectorAll(".room, .floor, .room > ul")) {
    part.hidden = shownIds ? !part.querySelector("[data-id]:not([hidden])") : false;
  }
}

function choose(kind) {
  filter = filter === kind ? null : kind;
  sumUp();
}

/** Takes over the house's new shape and keeps the cards, their open dialogs and the focus. */
async function refresh() {
  if (refresh.isRunning) {
    refresh.isWanted = true;
    return;
  }
  refresh.isRunning = true;
  refresh.isWanted = false;
  try {
    const answer = await fetch("/");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.getElementById("house");
    if (!answer.ok || !next) {
      return;
    }
    if (script(page) !== script(document) && !document.querySelector("dialog")) {
      // Another version of the program serves us now.
      location.reload();
      return;
    }
    const focused = document.activeElement;
    for (const node of next.querySelectorAll("[data-id]")) {
      const card = cards.get(node.dataset.id);
      const isSame = card && card.name.textContent === node.querySelector(".name").textContent && card.node.dataset.confirm === node.dataset.confirm;
      if (isSame) {
        // What was heard since the page was written is newer.
        const times = [card.node.dataset.heard, node.dataset.heard].filter(Boolean);
        card.node.dataset.heard = times.sort((one, other) => Date.parse(one) - Date.parse(other)).at(-1) ?? "";
        node.replaceWith(card.node);
      }
    }
    house.replaceWith(document.adoptNode(next));
    house = next;
    if (focused?.isConnected) {
      focused.focus();
    }
    adopt();
    delete summary.dataset.key;
    cards.forEach((card) => card.update());
    sumUp();
  } catch {
    // The event stream says that the house is gone.
  } finally {
    setTimeout(() => {
      refresh.isRunning = false;
      if (refresh.isWanted) {
        refresh();
      }
    }, PAUSE);
  }
}

const script = (page) => page.querySelector("script[type=module]")?.getAttribute("src");

let isFirst = true;
on("all", () => {
  if (!isFirst || house.dataset.registry !== registry) {
    // What there is may have changed while the house was away, and has since the page was written.
    refresh();
  }
  isFirst = false;
  [...cards.keys()].forEach((id) => {
    heard(id);
    soon(id);
  });
});
on("state", (id) => {
  const card = cards.get(id);
  const state = states.get(id);
  if (card && state && state.state !== "unavailable") {
    card.node.dataset.heard = state.last_updated;
    favouriteCards.get(id)?.node.setAttribute("data-heard", state.last_updated);
  }
  heard(id);
  soon(id);
});
on("registry", later(800, refresh));
onWish((id) => soon(id));
onFavourites(drawFavourites);
adopt();
wall();
follow();
setInterval(() => !document.hidden && cards.forEach((card) => card.update()), 60 * 1000);
setInterval(() => !document.hidden && refresh(), REFRESH);

