// Devices: what was found, what the owner calls it, where it stands, what is wrong with it; rooms and
// floors.

import { Refused, ago, ask, call, count, dialog, el, follow, icon, later, number, on, stateText, states, t, tell, write } from "./core.js";
import { guard, heard, onWish } from "./act.js";
import { openDetails, updateDetails } from "./card.js";
import { worded } from "./problems.js";
import { iconOf } from "./things.js";

/** Below this many percent a battery is low. */
const LOW = 20;
/** Devices shown at first, and with each press of the button below them. */
const PAGE = 40;
/** What a device says of itself, in the order of reading. */
const FACTS = ["manufacturer", "model", "model_id", "serial_number", "hw_version", "sw_version", "via_device", "suggested_area", "configuration_url"];

const list = document.getElementById("devices");
const search = document.getElementById("search");
const which = document.getElementById("which");
const counted = document.getElementById("counted");
const problemsPlace = document.getElementById("problems");
const placesPlace = document.getElementById("places");

let devices = [];
let areas = [];
let floors = [];
let problems = [];
let nShown = PAGE;
/** How much of each other list is shown. */
const shownOf = { problems: PAGE, areas: PAGE, floors: PAGE };
/** Lines whose value is live, by entity id. */
const lines = new Map();

const path = (kind, id) => `/api/homard/${kind}/${encodeURIComponent(id)}`;
const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
const byName = (one, other) => one.name.localeCompare(other.name);

async function read() {
  const kinds = ["entities", "areas", "floors", "problems", "devices"];
  const [entities, readAreas, readFloors, readProblems, wholes] = await Promise.all(kinds.map((kind) => call(`/api/homard/${kind}`)));
  const byId = new Map(wholes.map((whole) => [whole.device_id, whole]));
  areas = readAreas.sort(byName);
  floors = readFloors.sort((one, other) => (one.level ?? 99) - (other.level ?? 99) || byName(one, other));
  problems = readProblems;
  const found = new Map();
  for (const entity of entities) {
    guard(entity.entity_id, entity.asks_first);
    const key = entity.device?.id ?? "";
    if (!found.has(key)) {
      found.set(key, { id: key, name: entity.device?.name ?? entity.device?.id ?? t("devices.alone"), about: entity.device, whole: byId.get(key) ?? null, entities: [] });
    }
    found.get(key).entities.push(entity);
  }
  devices = [...found.values()].sort((one, other) => (one.id === "") - (other.id === "") || byName(one, other));
  draw();
}

const readSoon = later(700, () => read().catch(complain));

function complain(error) {
  tell(error instanceof Refused ? error.message : t("failed"), true);
}

/** Does it, says that it is done, and reads the house anew; false when it was refused. */
async function change(run, done = t("devices.saved")) {
  try {
    await run();
    tell(done);
    await read();
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}

const isOffline = (device) => device.entities.some((entity) => states.get(entity.entity_id)?.state === "unavailable");
const problemsOf = (device) => problems.filter((problem) => device.entities.some((entity) => entity.entity_id === problem.entity_id));

/** Percent of the weakest battery, and the signal's words. */
function vital(device) {
  let battery = null;
  let signal = null;
  for (const { entity_id: id } of device.entities) {
    const state = states.get(id);
    const kind = state?.attributes.device_class;
    if (kind === "battery" && id.startsWith("sensor.") && Number.isFinite(Number(state.state)) && state.state !== "") {
      battery = Math.min(battery ?? 100, Number(state.state));
    }
    if (kind === "battery" && id.startsWith("binary_sensor.") && state.state === "on") {
      battery = 0;
    }
    if ((kind === "signal_strength" || /link_?quality/.test(id)) && state && state.state !== "unknown" && state.state !== "unavailable") {
      signal = stateText(state);
    }
  }
  return { battery, signal };
}

function heardAt(device) {
  return device.entities.map((entity) => entity.last_heard).filter(Boolean).sort().at(-1) ?? null;
}

/** By what the devices come: the weakest battery first, or the one that is silent for longest. */
const ORDERS = {
  vitals: (device) => [vital(device).battery ?? 101, heardAt(device) ?? ""],
  battery: (device) => [vital(device).battery ?? 101, heardAt(device) ?? ""],
  silent: (device) => [0, heardAt(device) ?? ""],
};

function inOrder(found) {
  const order = ORDERS[which.value];
  if (!order) {
    return found;
  }
  const keyed = found.map((device) => [order(device), device]);
  return keyed.sort(([[one, since]], [[other, till]]) => one - other || since.localeCompare(till)).map(([, device]) => device);
}

/** Who announces a device. */
function producersOf(device) {
  const names = device.entities.map((entity) => entity.producer ?? entity.discovery_topic);
  return [...new Set(names)];
}

/** As much of a list as is wanted, and a button for more. */
function paged(list, name, drawOne) {
  const rows = list.slice(0, shownOf[name]).map(drawOne);
  const nMore = list.length - shownOf[name];
  const more = () => draw((shownOf[name] += PAGE));
  const button = () => el("button", { type: "button", class: "quiet", "data-focus": `more ${name}`, text: count("devices.more", Math.min(nMore, PAGE)), onclick: more });
  return nMore > 0 ? [...rows, el("li", { class: "more" }, button())] : rows;
}

function isShown(device) {
  const words = plain(search.value).split(" ").filter(Boolean);
  const text = plain([device.name, device.about?.manufacturer, device.about?.model, ...device.entities.flatMap((entity) => [entity.name, entity.entity_id, entity.area, ...entity.aliases])].filter(Boolean).join(" "));
  const { battery, signal } = vital(device);
  const fits = { vitals: () => battery !== null || signal !== null, problems: () => problemsOf(device).length > 0, offline: () => isOffline(device), battery: () => battery !== null && battery <= LOW }[which.value];
  return words.every((word) => text.includes(word)) && (fits?.() ?? true);
}

function draw() {
  const open = new Set([...list.querySelectorAll("details[open]")].map((one) => one.dataset.device));
  const focused = document.activeElement?.closest?.("[data-focus]")?.dataset.focus;
  lines.clear();
  const found = inOrder(devices.filter(isShown));
  write(counted, count("devices.n", found.length));
  const nMore = found.length - nShown;
  const more = el("li", { class: "more" }, el("button", { type: "button", class: "quiet", "data-focus": "more", text: count("devices.more", Math.min(nMore, PAGE)), onclick: () => draw((nShown += PAGE)) }));
  list.replaceChildren(...found.slice(0, nShown).map((device) => drawDevice(device, open.has(device.id))), ...(nMore > 0 ? [more] : []));
  if (found.length === 0) {
    list.append(el("li", { class: "hint", text: devices.length === 0 ? t("empty") : t("devices.none") }));
  }
  drawProblems();
  drawPlaces();
  if (focused) {
    document.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
  }
}

function drawDevice(device, isOpen) {
  const { battery, signal } = vital(device);
  const heard = heardAt(device);
  const wrong = problemsOf(device);
  const rooms = [...new Set(device.entities.map((entity) => entity.area ?? t("no_area")))];
  const about = [device.about?.manufacturer, device.about?.model].filter(Boolean).join(" · ");
  const marks = el("span", { class: "marks" },
    isOffline(device) ? el("span", { class: "mark bad" }, icon("offline"), t("state.unavailable")) : null,
    wrong.length > 0 ? el("span", { class: "mark bad" }, icon("alert"), number(wrong.length), el("span", { class: "hidden", text: t("devices.problems") })) : null,
    battery === null ? null : el("span", { class: battery <= LOW ? "mark bad" : "mark" }, icon(battery <= LOW ? "battery-low" : "battery"), el("span", { class: "hidden", text: `${t("battery")}: ` }), t("percent", { n: number(battery) })),
    signal === null ? null : el("span", { class: "mark" }, icon("signal"), el("span", { class: "hidden", text: `${t("signal")}: ` }), signal));
  const summary = el("summary", { "data-focus": `device ${device.id}` },
    el("span", { class: "words" }, el("strong", { class: "name", text: device.name }),
      el("span", { class: "state", text: [rooms.join(", "), heard ? t("heard", { time: ago(heard) }) : t("heard.never")].join(" · ") })), marks);
  const room = device.whole === null ? null : el("div", { class: "row" },
    el("label", { class: "field" }, el("span", { class: "legend", text: t("area") }), areaSelect(device.whole.area_id, (area) => move(device, area), { "data-focus": `room ${device.id}` }, t("no_area"))),
    el("button", { type: "button", class: "quiet", "data-focus": `rename ${device.id}`, "aria-label": t("devices.rename", { name: device.name }), onclick: () => rename(device) }, icon("edit"), t("devices.name")));
  const twin = twinsOf(device);
  return el("li", {},
    el("details", { class: "device", "data-device": device.id, open: isOpen }, summary,
      about ? el("p", { class: "hint", text: about }) : null,
      twin,
      room,
      el("ul", { class: "entities" }, device.entities.map(drawEntity)),
      wrong.length > 0 ? el("ul", { class: "problems" }, wrong.map(drawProblem)) : null,
      device.whole === null ? null : drawFacts(device)));
}

/** A device moves with all that stands where it stands; what the owner put elsewhere comes along too. */
function move(device, area) {
  return change(async () => {
    await call(path("devices", device.id), { method: "PATCH", body: { area } });
    for (const entity of device.entities.filter((one) => one.area_id !== device.whole.area_id)) {
      await call(path("entities", entity.entity_id), { method: "PATCH", body: { area: null } });
    }
  });
}

/** Devices of one name are one device twice, or will be mixed up. */
function twinsOf(device) {
  const others = device.id === "" ? [] : devices.filter((other) => other.id !== "" && other !== device && plain(other.name) === plain(device.name));
  if (others.length === 0) {
    return null;
  }
  const mine = producersOf(device);
  const told = others.map((other) => {
    const named = t("devices.twin.by", { id: other.id, producer: producersOf(other).join(", ") });
    return heardAt(other) ? t("devices.twin.heard", { id: named, time: ago(heardAt(other)) }) : named;
  });
  const isOfOne = others.every((other) => isSame(producersOf(other), mine));
  const words = t(isOfOne ? "devices.twin" : "devices.twin.two", { others: told.join("; "), producer: mine.join(", ") });
  return el("p", { class: "note twin" }, icon("alert"), words);
}

/** What the device announced of itself, word by word. */
function drawFacts({ whole, entities }) {
  const rows = FACTS.filter((fact) => whole[fact]).map((fact) => [t(`devices.fact.${fact}`), whole[fact]]);
  const lists = [["identifiers", whole.identifiers], ["connections", whole.connections], ["topics", [...new Set(entities.map((entity) => entity.discovery_topic))]]];
  rows.push(...lists.filter(([, values]) => values.length > 0).map(([fact, values]) => [t(`devices.fact.${fact}`), values.join("\n")]));
  return el("details", {}, el("summary", { text: t("devices.announced") }),
    el("dl", { class: "facts-list announced" }, rows.map(([key, value]) => el("div", {}, el("dt", { text: key }), el("dd", { text: value })))));
}

/** The device's own name; its entities are called after it. */
function rename(device) {
  const { box, body } = dialog(device.name);
  const name = el("input", { value: device.whole.given_name ?? device.name, maxlength: 255, autocomplete: "off", name: "name" });
  const wrong = el("p", { class: "note bad", role: "alert" });
  const save = async (submit) => {
    submit.preventDefault();
    const given = name.value.trim();
    try {
      await call(path("devices", device.id), { method: "PATCH", body: { name: given === "" || given === device.whole.announced_name ? null : given } });
      box.close();
      tell(t("devices.saved"));
      await read();
    } catch (error) {
      write(wrong, error instanceof Refused ? error.message : t("failed"));
    }
  };
  body.append(el("form", { onsubmit: save }, field(t("devices.name"), name),
    el("p", { class: "hint", text: t("devices.name.hint", { name: device.whole.announced_name ?? device.id }) }), wrong,
    el("div", { class: "row end" }, el("button", { type: "submit", text: t("save") }))));
  name.focus();
}

function areaSelect(now, choose, attributes = {}, none = t("devices.own_area")) {
  const select = el("select", { ...attributes, onchange: () => choose(select.value === "" ? null : select.value) },
    el("option", { value: "", text: none }), areas.map((area) => el("option", { value: area.area_id, text: area.name })));
  select.value = now ?? "";
  return select;
}

function drawEntity(entity) {
  const state = states.get(entity.entity_id);
  const value = el("span", { class: "state", text: state ? stateText(state) : t("devices.disabled") });
  lines.set(entity.entity_id, value);
  return el("li", { id: entity.entity_id, class: entity.enabled ? null : "disabled" },
    state ? icon(iconOf(state)) : icon("help"),
    el("span", { class: "words" }, el("button", { type: "button", class: "name", "data-focus": `entity ${entity.entity_id}`, disabled: !state, text: entity.name || entity.entity_id, onclick: () => openDetails(entity.entity_id, () => entity.last_heard) }), el("code", { text: entity.entity_id })), value,
    el("button", { type: "button", class: "round", "data-focus": `edit ${entity.entity_id}`, "aria-label": `${t("edit")}: ${entity.name || entity.entity_id}`, onclick: () => edit(entity) }, icon("edit")));
}

function field(label, input) {
  return el("label", { class: "field" }, el("span", { class: "legend", text: label }), input);
}

const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** A text with commas as a list of names. */
function names(text) {
  return text.split(",").map((name) => name.trim()).filter(Boolean);
}

function edit(entity) {
  const { box, body } = dialog(entity.name || entity.entity_id);
  const name = el("input", { value: entity.name, maxlength: 255, required: true, autocomplete: "off", name: "name" });
  const aliases = el("input", { value: entity.aliases.join(", "), autocomplete: "off", name: "aliases" });
  const area = areaSelect(entity.area_id, () => {}, { name: "area" });
  const enabled = el("input", { type: "checkbox", name: "enabled" });
  enabled.checked = entity.enabled;
  const wrong = el("p", { class: "note bad", role: "alert" });
  const save = async (submit) => {
    submit.preventDefault();
    const patch = {};
    if (name.value.trim() !== entity.name) {
      patch.name = name.value;
    }
    if (!isSame(names(aliases.value), entity.aliases)) {
      patch.aliases = names(aliases.value);
    }
    if (area.value !== (entity.area_id ?? "")) {
      patch.area = area.value === "" ? null : area.value;
    }
    if (enabled.checked !== entity.enabled) {
      patch.enabled = enabled.checked;
    }
    try {
      if (Object.keys(patch).length > 0) {
        await call(path("entities", entity.entity_id), { method: "PATCH", body: patch });
        tell(t("devices.saved"));
        await read();
      }
      box.close();
    } catch (error) {
      write(wrong, error instanceof Refused ? error.message : t("failed"));
    }
  };
  const remove = async () => {
    if (await ask(t("devices.remove.really", { name: entity.name || entity.entity_id }), t("devices.remove.hint"), t("remove"))) {
      box.close();
      await change(() => call(path("entities", entity.entity_id), { method: "DELETE" }), t("devices.removed", { name: entity.name || entity.entity_id }));
    }
  };
  body.append(el("form", { onsubmit: save },
    field(t("devices.name"), name), field(t("devices.aliases"), aliases), field(t("area"), area),
    el("label", { class: "check" }, enabled, t("devices.enabled")),
    el("p", { class: "hint" }, el("code", { text: entity.discovery_topic })), wrong,
    el("div", { class: "row end" },
      el("button", { type: "button", class: "quiet bad", onclick: remove }, icon("trash"), t("remove")),
      el("button", { type: "submit", text: t("save") }))));
  name.focus();
}

function drawProblem(problem) {
  const times = problem.count === 1 ? ago(problem.last) : count("devices.times", problem.count, { time: ago(problem.last) });
  const where = problem.entity_id ?? problem.topic ?? problem.part ?? "";
  const who = problem.producer ? t("devices.said_by", { producer: problem.producer }) : "";
  return el("li", {}, icon("alert"), el("span", { class: "words" }, el("span", { text: worded(problem.text) }), el("span", { class: "state" }, el("code", { text: where }), ` ${[who, times].filter(Boolean).join(" · ")}`)));
}

function drawProblems() {
  problemsPlace.replaceChildren(...(problems.length === 0 ? [el("li", { class: "hint", text: t("devices.problems.none") })] : paged(problems, "problems", drawProblem)));
}

/** An id that fits into addresses, from a name; another than those there are. */
function idFor(name, taken) {
  const slug = plain(name).replace(/[^a-z0-9]+/g, "_").replace(/^_+|_+$/g, "").slice(0, 50) || "place";
  let id = slug;
  for (let n = 2; taken.includes(id); n += 1) {
    id = `${slug}_${n}`;
  }
  return id;
}

function drawPlaces() {
  const row = (name, detail, open, focus) => el("li", {}, el("span", { class: "words" }, el("span", { class: "name", text: name }), el("span", { class: "state", text: detail })),
    el("button", { type: "button", class: "round", "data-focus": focus, "aria-label": `${t("edit")}: ${name}`, onclick: open }, icon("edit")));
  const n = (area) => devices.reduce((sum, device) => sum + device.entities.filter((entity) => entity.area_id === area.area_id).length, 0);
  const floorName = (id) => floors.find((floor) => floor.floor_id === id)?.name ?? t("places.no_floor");
  const add = (word, open, focus) => el("button", { type: "button", class: "quiet", "data-focus": focus, onclick: open }, icon("plus"), word);
  placesPlace.replaceChildren(
    el("h3", { text: t("places.rooms") }),
    el("ul", { class: "entities" }, paged(areas, "areas", (area) => row(area.name, [floorName(area.floor), count("places.n", n(area))].join(" · "), () => editPlace("areas", area), `area ${area.area_id}`))),
    add(t("places.add_room"), () => editPlace("areas", null), "add area"),
    el("h3", { text: t("places.floors") }),
    el("ul", { class: "entities" }, paged(floors, "floors", (floor) => row(floor.name, floor.level === null ? "" : number(floor.level), () => editPlace("floors", floor), `floor ${floor.floor_id}`))),
    add(t("places.add_floor"), () => editPlace("floors", null), "add floor"));
}

/** A room or a floor; `null` makes one. */
function editPlace(kind, place) {
  const isRoom = kind === "areas";
  const key = isRoom ? "area_id" : "floor_id";
  const { box, body } = dialog(place?.name ?? t(isRoom ? "places.add_room" : "places.add_floor"));
  const name = el("input", { value: place?.name ?? "", maxlength: 255, required: true, autocomplete: "off", name: "name" });
  const aliases = el("input", { value: place?.aliases.join(", ") ?? "", autocomplete: "off", name: "aliases" });
  const floor = el("select", { name: "floor" }, el("option", { value: "", text: t("places.no_floor") }), floors.map((one) => el("option", { value: one.floor_id, text: one.name })));
  floor.value = place?.floor ?? "";
  const level = el("input", { type: "number", step: 1, min: -200, max: 200, value: place?.level ?? "", name: "level" });
  const wrong = el("p", { class: "note bad", role: "alert" });
  const save = async (submit) => {
    submit.preventDefault();
    const id = place?.[key] ?? idFor(name.value, (isRoom ? areas : floors).map((one) => one[key]));
    const wish = { name: name.value, aliases: names(aliases.value) };
    const own = isRoom ? { floor: floor.value === "" ? null : floor.value } : { level: level.value === "" ? null : Number(level.value) };
    try {
      await call(path(kind, id), { method: "PUT", body: { ...wish, ...own } });
      box.close();
      tell(t("devices.saved"));
      await read();
    } catch (error) {
      write(wrong, error instanceof Refused ? error.message : t("failed"));
    }
  };
  const remove = async () => {
    if (await ask(t("devices.remove.really", { name: place.name }), t(isRoom ? "places.remove.room" : "places.remove.floor"), t("remove"))) {
      box.close();
      await change(() => call(path(kind, place[key]), { method: "DELETE" }), t("devices.removed", { name: place.name }));
    }
  };
  body.append(el("form", { onsubmit: save }, field(t("devices.name"), name), field(t("devices.aliases"), aliases),
    isRoom ? field(t("places.floor"), floor) : field(t("places.level"), level), wrong,
    el("div", { class: "row end" }, place ? el("button", { type: "button", class: "quiet bad", onclick: remove }, icon("trash"), t("remove")) : null, el("button", { type: "submit", text: t("save") }))));
  name.focus();
}

/** Opens what the address names. */
function goTo() {
  const id = decodeURIComponent(location.hash.slice(1));
  if (id !== "" && !document.getElementById(id) && nShown < devices.length) {
    draw((nShown = devices.length));
  }
  const row = id === "" ? null : document.getElementById(id);
  const device = row?.closest("details");
  if (device) {
    device.open = true;
    row.scrollIntoView({ block: "center" });
    row.classList.add("found");
  }
}

const drawAnew = () => draw((nShown = PAGE));
search.addEventListener("input", later(120, drawAnew));
which.addEventListener("change", drawAnew);
on("all", () => read().then(goTo, complain));
on("registry", readSoon);
on("state", (id) => {
  const line = lines.get(id);
  const state = states.get(id);
  if (line && state) {
    write(line, stateText(state));
  }
  heard(id);
  updateDetails(id);
});
onWish(updateDetails);
addEventListener("hashchange", goTo);
follow();
