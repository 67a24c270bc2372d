// One entity's place on the page: the card or the line of values, and the dialog with all of it.

import { ago, dialog, el, icon, now, setIcon, stateText, t, write } from "./core.js";
import { guard, isWaiting, named, nameOf, note, shown } from "./act.js";
import { isFavourite, toggleFavourite } from "./favourites.js";
import { controls, iconOf, line, lookAt, mood } from "./things.js";

lookAt(shown);

/** Values older than this are said to be old. */
const OLD = 6 * 60 * 60 * 1000;

/** Attributes that the controls show already, or that nobody reads. */
const KNOWN = new Set(["friendly_name", "supported_features", "device_class", "state_class", "unit_of_measurement", "icon", "area", "floor", "restored", "supported_color_modes", "color_mode", "min_mireds", "max_mireds", "color_temp", "rgb_color", "xy_color", "hs_color", "effect_list", "hvac_modes", "preset_modes", "fan_modes", "swing_modes", "options", "available_tones", "fan_speed_list", "event_types", "entity_picture", "assumed_state", "display_precision", "auto_update", "min", "max", "step", "mode", "pattern"]);

export class Card {
  constructor(node) {
    this.node = node;
    this.id = node.dataset.id;
    this.isFact = node.classList.contains("fact");
    guard(this.id, node.dataset.confirm?.split(" ") ?? []);
    const name = node.querySelector(".name").textContent;
    named(this.id, name);
    this.icon = node.querySelector("svg");
    this.state = el("span", { class: "state" });
    this.name = el("button", { type: "button", class: "name", text: name, onclick: () => this.open() });
    this.note = el("p", { class: "note", role: "status" });
    this.made = null;
    if (this.isFact) {
      node.replaceChildren(this.icon, this.name, this.state);
    } else {
      this.build();
    }
  }

  build() {
    const made = controls(this.id);
    this.made = made;
    this.node.classList.toggle("wide", made.isWide);
    const top = el("div", { class: "top" }, el("span", { class: "badge" }, this.icon), made.main?.node);
    const inline = made.inline.length > 0 ? el("div", { class: "inline" }, made.inline.map((control) => control.node)) : null;
    this.node.replaceChildren(top, el("div", { class: "words" }, this.name, this.state), inline ?? "", this.note);
  }

  /** When the device last spoke. */
  get heardAt() {
    return this.node.dataset.heard ?? "";
  }

  /** Old news, or gone: then when it was last heard matters. */
  heardText(state) {
    const isGone = state.state === "unavailable";
    const isOld = this.isFact && now() - Date.parse(this.heardAt) > OLD;
    return this.heardAt && (isGone || isOld) ? t("heard.short", { time: ago(this.heardAt) }) : "";
  }

  update() {
    const state = shown(this.id);
    if (!state) {
      return;
    }
    this.node.dataset.state = state.state;
    this.node.dataset.mood = mood(state);
    this.node.classList.toggle("waiting", isWaiting(this.id));
    setIcon(this.icon, iconOf(state));
    const words = line(state);
    write(this.state, [words, this.heardText(state)].filter(Boolean).join(" · "));
    const said = note(this.id);
    write(this.note, said?.text ?? "");
    this.note.classList.toggle("bad", said?.isBad ?? false);
    this.made?.main?.update(state);
    this.made?.inline.forEach((control) => control.update(state));
    updateDetails(this.id);
  }

  /** All that can be seen and done. */
  open() {
    openDetails(this.id, () => this.heardAt);
  }
}

/** The open dialogs, by entity id: each is told of every change. */
const dialogs = new Map();

/** Tells an open dialog that its entity changed. */
export function updateDetails(id) {
  const state = shown(id);
  if (state) {
    dialogs.get(id)?.(state);
  }
}

/** Opens the dialog with all of an entity; `heardAt` says when its device last spoke. */
export function openDetails(id, heardAt) {
  const first = shown(id);
  if (!first) {
    return;
  }
  const picture = icon(iconOf(first));
  const { box, body } = dialog(nameOf(id), el("span", { class: "badge" }, picture));
  const made = controls(id);
  const all = [...made.inline, ...made.detail()];
  const words = el("p", { class: "lead" });
  const said = el("p", { class: "note", role: "status" });
  const facts = el("dl", { class: "facts-list" });
  const others = el("dl", { class: "facts-list" });
  const more = el("details", {}, el("summary", { text: t("attributes") }), others);
  const star = el("button", { type: "button", class: "quiet", "data-star": id, onclick: () => toggleFavourite(id) || drawStar() });
  const drawStar = () => star.replaceChildren(icon(isFavourite(id) ? "star" : "star-outline"), t(isFavourite(id) ? "favourites.remove" : "favourites.add"));
  drawStar();
  const edit = el("p", { class: "row" }, document.body.classList.contains("home") ? star : null, el("a", { href: `/history?entity=${id}`, text: t("nav.history") }), el("a", { href: `/devices#${id}`, text: t("edit"), onclick: () => box.close() }));
  body.append(el("div", { class: "row" }, words, made.main?.node ?? ""), said, el("div", { class: "all" }, all.map((control) => control.node)), facts, more, edit);
  const update = (state) => {
    setIcon(picture, iconOf(state));
    box.dataset.mood = mood(state);
    write(words, line(state) || stateText(state));
    write(said, note(id)?.text ?? "");
    said.classList.toggle("bad", note(id)?.isBad ?? false);
    made.main?.update(state);
    all.forEach((control) => control.update(state));
    list(facts, [
      [t("area"), state.attributes.area],
      [t("changed"), ago(state.last_changed)],
      [t("heard.at"), heardAt() ? ago(heardAt()) : t("heard.never")],
    ]);
    const rest = Object.entries(state.attributes).filter(([key, value]) => !KNOWN.has(key) && value !== null && typeof value !== "object");
    more.hidden = rest.length === 0;
    list(others, rest.map(([key, value]) => [key.replaceAll("_", " "), String(value)]));
  };
  dialogs.set(id, update);
  box.addEventListener("close", () => dialogs.delete(id));
  update(first);
}

function list(place, rows) {
  const made = rows.filter(([, value]) => value).map(([key, value]) => el("div", {}, el("dt", { text: key }), el("dd", { text: value })));
  place.replaceChildren(...made);
}

