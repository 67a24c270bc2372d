// History: what a thing, or all things of a room, were over a day, a week or a month.

import { Refused, call, count, el, follow, icon, known, language, modeText, number, on, ready, stateText, states, t, tell, write } from "./core.js";
import { Chart, lengthText, momentText, tableOf } from "./chart.js";
import { iconOf } from "./things.js";

const HOUR = 3600e3;
const SPANS = [24, 168, 720];
/** What has no past to be looked at. */
const WITHOUT = new Set(["button", "camera", "event", "image", "notify", "scene", "infrared"]);
/** How often what ends now is drawn anew. */
const AGAIN = 60e3;
/** Asked for at a time: a room may have fifty things. */
const AT_A_TIME = 4;

const what = document.getElementById("what");
const spans = document.getElementById("spans");
const place = document.getElementById("charts");
const when = document.getElementById("when");
const later = document.getElementById("later");
const earlier = document.getElementById("earlier");
const csv = document.getElementById("csv");

const wanted = new URLSearchParams(location.search);
let hours = SPANS.find((span) => span === Number(wanted.get("hours"))) ?? 24;
/** The end that is looked at; null is now. */
let end = null;
/** Numbers the drawings: an answer to an older question is not shown. */
let turn = 0;

const hasPast = (state) => !WITHOUT.has(state.entity_id.split(".")[0]) && state.attributes.device_class !== "timestamp";
const nameOf = (state) => state.attributes.friendly_name || state.entity_id;
const byName = (one, other) => nameOf(one).localeCompare(nameOf(other), language);

/** Things by room, the rooms by name, what is in none last. */
function rooms() {
  const found = new Map();
  for (const state of [...states.values()].filter(hasPast).sort(byName)) {
    const room = state.attributes.area ?? "";
    found.set(room, [...(found.get(room) ?? []), state]);
  }
  return [...found].sort(([one], [other]) => (one === "") - (other === "") || one.localeCompare(other, language));
}

/** The choice: a room or a thing. */
function fill() {
  const chosen = what.value || (wanted.get("entity") ?? (wanted.has("area") ? `room ${wanted.get("area")}` : ""));
  const all = rooms();
  const named = all.filter(([room]) => room !== "");
  what.replaceChildren(
    el("optgroup", { label: t("history.rooms") }, named.map(([room]) => el("option", { value: `room ${room}`, text: room }))),
    ...all.map(([room, list]) => el("optgroup", { label: room || t("no_area") }, list.map((state) => el("option", { value: state.entity_id, text: nameOf(state) })))),
  );
  what.value = chosen;
  if (what.selectedIndex < 0) {
    what.selectedIndex = 0;
  }
}

function chosen() {
  if (!what.value.startsWith("room ")) {
    return what.value ? [what.value] : [];
  }
  const list = rooms().find(([room]) => room === what.value.slice(5))?.[1] ?? [];
  return list.map((state) => state.entity_id);
}

function range() {
  const to = end ?? Date.now();
  return [to - hours * HOUR, to];
}

const rangeOf = () => range().map((at) => new Date(at).toISOString());

async function drawAll() {
  const mine = (turn += 1);
  const ids = chosen();
  const [from, to] = rangeOf();
  place.setAttribute("aria-busy", "true");
  spans.querySelectorAll("button").forEach((button) => button.setAttribute("aria-pressed", String(Number(button.value) === hours)));
  later.disabled = end === null;
  write(when, `${momentText(range()[0])} – ${end === null ? t("history.now") : momentText(end)}`);
  csv.href = `/api/homard/history.csv?entity_id=${ids.join(",")}&from=${from}&to=${to}`;
  csv.hidden = ids.length === 0 || ids.length > 200;
  const points = Math.min(400, Math.max(120, Math.round(place.clientWidth / 3)));
  const query = `?from=${from}&points=${points}${end === null ? "" : `&to=${to}`}`;
  const read = [];
  for (let n = 0; n < ids.length && mine === turn; n += AT_A_TIME) {
    const some = ids.slice(n, n + AT_A_TIME).map((id) => call(`/api/homard/history/${encodeURIComponent(id)}${query}`));
    read.push(...(await Promise.all(some)));
  }
  if (mine !== turn) {
    return;
  }
  const focused = document.activeElement?.closest?.("[data-key]")?.dataset.key;
  const open = new Set([...place.querySelectorAll("details[open]")].map((one) => one.closest("[data-key]").dataset.key));
  const figures = read.flatMap((history) => history.series.map((series) => figure(history, series, open)));
  place.replaceChildren(...figures.filter(Boolean));
  if (place.childElementCount === 0) {
    place.append(el("p", { class: "lead", text: t(ids.length === 0 ? "empty" : "history.none") }));
  }
  place.removeAttribute("aria-busy");
  if (focused) {
    place.querySelector(`[data-key="${CSS.escape(focused)}"] .cursor`)?.focus();
  }
}

function figure(history, series, open) {
  const isEmpty = series.points.every((point) => point === null) && series.bars.every(([, word]) => word === null);
  if (isEmpty) {
    return null;
  }
  const id = history.entity_id;
  const state = states.get(id) ?? { entity_id: id, state: "unknown", attributes: {} };
  const name = series.attribute ? `${history.name}: ${known(`history.${series.attribute}`) ?? series.attribute}` : history.name;
  const unit = series.unit ?? (series.attribute?.includes("temperature") ? document.body.dataset.degrees : null);
  const digits = places(series.statistics);
  const scale = series.attribute === "brightness" ? 100 / 255 : 1;
  const shown = scale === 1 ? series : { ...series, points: series.points.map((point) => point?.map((one) => one * scale) ?? null) };
  const mark = series.attribute === "brightness" ? "%" : unit;
  const valueOf = (value) => [number(value, digits), mark].filter(Boolean).join("\u00a0");
  const wordOf = (word) => (series.attribute ? modeText(word) : stateText({ ...state, state: word }));
  const given = { name, history, series: shown, wordOf, valueOf };
  const key = `${id} ${series.attribute ?? ""}`;
  const hasGap = shown.points.includes(null) || shown.bars.some(([, word]) => word === null || word === "unavailable" || word === "unknown");
  const heading = el("h2", {}, icon(iconOf(state)), el("span", { text: name }));
  return el("figure", { class: "panel-box", "data-key": key },
    el("figcaption", {}, heading, statistics(shown.statistics, scale, valueOf, wordOf)),
    new Chart(given).node,
    hasGap ? el("p", { class: "gap-note" }, el("span", { class: "swatch-gap", "aria-hidden": "true" }), t("history.gap.note")) : null,
    el("details", { open: open.has(key) }, el("summary", { text: t("history.table") }), el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `${t("history.table")}: ${name}` }, tableOf(given))));
}

/** Places behind the point that tell something. */
function places({ min, max }) {
  const span = Math.abs((max ?? 0) - (min ?? 0));
  const isWhole = Number.isInteger(min) && Number.isInteger(max);
  if (span >= 20 || (isWhole && (span >= 3 || span === 0))) {
    return 0;
  }
  return span >= 0.5 || span === 0 ? 1 : 2;
}

function statistics({ min, mean, max, changes, states_s: times }, scale, valueOf, wordOf) {
  const fact = (name, text) => el("div", {}, el("dt", { text: name }), el("dd", { text }));
  if (mean !== null) {
    return el("dl", { class: "statistics" }, fact(t("history.min"), valueOf(min * scale)), fact(t("history.mean"), valueOf(mean * scale)), fact(t("history.max"), valueOf(max * scale)));
  }
  const all = Object.values(times).reduce((sum, one) => sum + one, 0) || 1;
  const most = Object.entries(times).sort(([, one], [, other]) => other - one).slice(0, 3);
  const facts = most.map(([word, seconds]) => fact(wordOf(word), `${lengthText(seconds)} · ${t("percent", { n: number(Math.round((100 * seconds) / all)) })}`));
  return el("dl", { class: "statistics" }, facts, fact(t("history.changes"), count("history.times", changes)));
}

function complain(error) {
  place.removeAttribute("aria-busy");
  tell(error instanceof Refused ? error.message : t("failed"), true);
}

/** Draws, and writes into the address what is shown, so that it can be kept. */
function show() {
  const query = new URLSearchParams({ hours });
  if (what.value.startsWith("room ")) {
    query.set("area", what.value.slice(5));
  } else if (what.value) {
    query.set("entity", what.value);
  }
  history.replaceState(null, "", `?${query}`);
  drawAll().catch(complain);
}

function move(direction) {
  const to = (end ?? Date.now()) + direction * hours * HOUR;
  // A moment passes while one looks: nearly now is now.
  end = to > Date.now() - hours * HOUR / 100 ? null : to;
  show();
}

what.addEventListener("change", show);
earlier.addEventListener("click", () => move(-1));
later.addEventListener("click", () => move(1));
spans.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (button) {
    hours = Number(button.value);
    show();
  }
});
on("all", () => {
  fill();
  show();
});
setInterval(() => {
  const isLookedAt = place.contains(document.activeElement) || place.querySelector(".plot:hover");
  if (end === null && document.visibilityState === "visible" && !isLookedAt) {
    drawAll().catch(() => {});
  }
}, AGAIN);
ready();
follow();
