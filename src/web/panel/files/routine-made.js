// Automations are made and changed by picking what begins them, what must hold and what is done, or taken in
// as Home Assistant writes them. Before one is armed it is tried against what was recorded.

import { Refused, call, count, dialog, el, icon, known, modeText, now, on, stateText, states, t, tell, write } from "./core.js";
import { nameOf } from "./act.js";
import { field } from "./forms.js";
import { problems, tryIt } from "./routine-seen.js";

const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const domainOf = (id) => id.split(".")[0];
/** Nothing that a person waits for begins with these. */
const NOT_WATCHED = new Set(["automation", "script", "scene", "button", "notify", "event", "camera", "image"]);
/** What can be seen of a thing, by its domain. */
const SEEN = {
  binary_sensor: ["on", "off"], light: ["on", "off"], switch: ["on", "off"], fan: ["on", "off"], siren: ["on", "off"], humidifier: ["on", "off"],
  cover: ["open", "closed", "opening", "closing"], valve: ["open", "closed"], lock: ["locked", "unlocked", "jammed"],
  device_tracker: ["home", "not_home"], person: ["home", "not_home"], vacuum: ["cleaning", "docked", "returning", "error"],
  alarm_control_panel: ["disarmed", "armed_home", "armed_away", "armed_night", "triggered"],
};
/** What can be done with a thing, by its domain. */
const DONE = {
  light: ["turn_on", "turn_off", "toggle"], switch: ["turn_on", "turn_off", "toggle"], fan: ["turn_on", "turn_off"], humidifier: ["turn_on", "turn_off"],
  siren: ["turn_on", "turn_off"], cover: ["open_cover", "close_cover", "stop_cover"], valve: ["open_valve", "close_valve"], lock: ["lock", "unlock"],
  vacuum: ["start", "return_to_base"], lawn_mower: ["start_mowing", "dock"], button: ["press"], scene: ["turn_on"], script: ["turn_on"],
  climate: ["set_temperature", "turn_on", "turn_off"], water_heater: ["set_temperature"],
};

const isNumber = (state) => Number.isFinite(Number(state.state)) && state.state !== "" || state.attributes.unit_of_measurement !== undefined;

const SECONDS = { hours: 3600, minutes: 60, seconds: 1, milliseconds: 0.001, days: 86400 };

/** "-00:05:00", `{minutes: 5}` or a number, in seconds. */
function seconds(value) {
  if (value && typeof value === "object") {
    return Object.entries(value).reduce((sum, [unit, n]) => sum + Number(n) * (SECONDS[unit] ?? NaN), 0);
  }
  const [, sign, clock] = /^([-+]?)(\d+:\d+(?::\d+)?)$/.exec(value) ?? [];
  if (!clock) {
    return Number(value);
  }
  const [hour, minute, second = 0] = clock.split(":").map(Number);
  return (hour * 3600 + minute * 60 + second) * (sign === "-" ? -1 : 1);
}

const LENGTHS = new Set(["for", "delay", "offset"]);
const CLOCKS = new Set(["at", "after", "before"]);

/** One way to write what can be written in several, to compare and to fill in: lists of one are the one, lengths seconds. */
function plain(part) {
  const { entity_id: ids, ...rest } = part;
  const said = ids !== undefined && part.action ? { ...rest, target: { entity_id: ids } } : part;
  const one = (key, value) => {
    if (LENGTHS.has(key)) {
      return seconds(value);
    }
    if (key === "weekday") {
      return DAYS.filter((day) => [value].flat().includes(day));
    }
    if (Array.isArray(value)) {
      return value.length === 1 && key !== "conditions" ? one(key, value[0]) : value.map((each) => one(key, each));
    }
    if (CLOCKS.has(key) && /^\d\d:\d\d$/.test(value)) {
      return `${value}:00`;
    }
    return value !== null && typeof value === "object" ? plain(value) : value;
  };
  return Object.fromEntries(Object.entries(said).map(([key, value]) => [key, one(key, value)]).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const isSame = (one, other) => JSON.stringify(plain(one)) === JSON.stringify(plain(other));

/** A list of things that fit, by room. */
function things(label, fits) {
  const rooms = new Map();
  for (const state of states.values()) {
    if (fits(state)) {
      const room = state.attributes.area ?? t("no_area");
      rooms.set(room, [...(rooms.get(room) ?? []), state.entity_id]);
    }
  }
  const sorted = [...rooms].sort(([one], [other]) => one.localeCompare(other));
  const byName = (one, other) => nameOf(one).localeCompare(nameOf(other));
  return el("select", { "aria-label": label, required: true, "data-pick": "entity" }, el("option", { value: "", text: t("make.which") }),
    sorted.map(([room, ids]) => el("optgroup", { label: room }, ids.sort(byName).map((id) => el("option", { value: id, text: nameOf(id) })))));
}

const choose = (label, options) => el("select", { "aria-label": label }, options.map(([value, text]) => el("option", { value, text })));
const amount = (label, more = {}) => el("input", { type: "number", "aria-label": label, inputmode: "decimal", step: "any", ...more });
const labelled = (text, input) => el("label", { class: "field" }, el("span", { class: "legend", text }), input);

/** The words of a state of a thing: "open" of a door. */
function wordOf(id, word) {
  const state = states.get(id);
  return state ? stateText({ ...state, state: word }) : (known(`state.${word}`) ?? modeText(word));
}

/** A thing and one of its states. */
function thingIs(label, isAny) {
  const which = things(label, (state) => !NOT_WATCHED.has(domainOf(state.entity_id)) && !(domainOf(state.entity_id) === "sensor" && isNumber(state)));
  const be = el("span", { class: "field" });
  let input = null;
  const fill = () => {
    const words = SEEN[domainOf(which.value)] ?? states.get(which.value)?.attributes.options;
    input = words
      ? choose(t("make.to"), [...(isAny ? [["", t("make.any")]] : []), ...words.map((word) => [word, wordOf(which.value, word)])])
      : el("input", { "aria-label": t("make.to"), autocomplete: "off", required: !isAny });
    be.replaceChildren(input);
  };
  which.addEventListener("change", fill);
  fill();
  const put = (entity, word) => {
    which.value = entity;
    fill();
    input.value = word ?? "";
  };
  return { nodes: [which, be], entity: () => which.value, word: () => input.value, put };
}

const minutes = () => amount(t("make.for"), { min: 0, max: 1440, placeholder: "0" });
const putMinutes = (input, length) => {
  input.value = length ? length / 60 : "";
};
const lasting = (input) => (Number(input.value) > 0 ? { for: { minutes: Number(input.value) } } : {});

function days() {
  const boxes = DAYS.map((day) => el("input", { type: "checkbox", value: day, checked: true }));
  const node = el("fieldset", { class: "days" }, el("legend", { class: "legend", text: t("make.days") }),
    boxes.map((box) => el("label", { class: "check" }, box, t(`day.${box.value}`))));
  const picked = () => boxes.filter((box) => box.checked).map((box) => box.value);
  const put = (weekday) => boxes.forEach((box) => {
    box.checked = weekday?.includes(box.value) ?? true;
  });
  return { node, value: () => (picked().length < 7 ? { weekday: picked() } : {}), put };
}

function range(label) {
  const which = things(label, (state) => domainOf(state.entity_id) === "sensor" && isNumber(state));
  const side = choose(t("make.side"), [["above", t("make.above")], ["below", t("make.below")]]);
  const limit = amount(t("make.limit"), { required: true });
  const put = (part) => {
    which.value = part.entity_id;
    side.value = "below" in part ? "below" : "above";
    limit.value = part[side.value];
  };
  return { nodes: [which, el("span", { class: "pair" }, side, limit)], value: () => ({ entity_id: which.value, [side.value]: Number(limit.value) }), put };
}

const TRIGGERS = {
  state() {
    const is = thingIs(t("make.thing"), true);
    const long = minutes();
    return {
      nodes: [...is.nodes, labelled(t("make.for"), long)],
      value: () => ({ trigger: "state", entity_id: is.entity(), ...(is.word() === "" ? {} : { to: is.word() }), ...lasting(long) }),
      put: (part) => {
        is.put(part.entity_id, part.to);
        putMinutes(long, part.for);
      },
    };
  },
  numeric_state() {
    const value = range(t("make.thing"));
    const long = minutes();
    return {
      nodes: [...value.nodes, labelled(t("make.for"), long)],
      value: () => ({ trigger: "numeric_state", ...value.value(), ...lasting(long) }),
      put: (part) => {
        value.put(part);
        putMinutes(long, part.for);
      },
    };
  },
  time() {
    const at = el("input", { type: "time", "aria-label": t("make.at"), required: true });
    const on = days();
    return {
      nodes: [at, on.node],
      value: () => ({ trigger: "time", at: `${at.value}:00`, ...on.value() }),
      put: (part) => {
        at.value = String(part.at).slice(0, 5);
        on.put(part.weekday);
      },
    };
  },
  sun() {
    const event = choose(t("make.sun"), [["sunset", t("routines.sunset")], ["sunrise", t("routines.sunrise")]]);
    const offset = amount(t("make.offset"), { min: -720, max: 720, step: 1, placeholder: "0" });
    return {
      nodes: [event, labelled(t("make.offset"), offset)],
      value: () => ({ trigger: "sun", event: event.value, ...(Number(offset.value) ? { offset: Number(offset.value) * 60 } : {}) }),
      put: (part) => {
        event.value = part.event;
        putMinutes(offset, part.offset);
      },
    };
  },
};

const CONDITIONS = {
  state() {
    const is = thingIs(t("make.thing"), false);
    return { nodes: is.nodes, value: () => ({ condition: "state", entity_id: is.entity(), state: is.word() }), put: (part) => is.put(part.entity_id, part.state) };
  },
  numeric_state() {
    const value = range(t("make.thing"));
    return { nodes: value.nodes, value: () => ({ condition: "numeric_state", ...value.value() }), put: value.put };
  },
  dark: () => ({ nodes: [], value: () => ({ condition: "or", conditions: [{ condition: "sun", after: "sunset" }, { condition: "sun", before: "sunrise" }] }) }),
  light: () => ({ nodes: [], value: () => ({ condition: "sun", after: "sunrise", before: "sunset" }) }),
  time() {
    const ends = ["after", "before"].map((end) => [end, el("input", { type: "time", "aria-label": t(`make.${end}`) })]);
    const on = days();
    const said = () => ends.filter(([, input]) => input.value !== "").map(([end, input]) => [end, `${input.value}:00`]);
    return {
      nodes: [el("span", { class: "pair" }, ends.map(([end, input]) => labelled(t(`make.${end}`), input))), on.node],
      value: () => ({ condition: "time", ...Object.fromEntries(said()), ...on.value() }),
      put: (part) => {
        ends.forEach(([end, input]) => {
          input.value = String(part[end] ?? "").slice(0, 5);
        });
        on.put(part.weekday);
      },
    };
  },
};

const ACTIONS = {
  service() {
    const which = things(t("make.thing"), (state) => domainOf(state.entity_id) in DONE);
    const place = el("span", { class: "field" });
    const degrees = amount(t("make.degrees"), { min: 5, max: 65 });
    let what = null;
    const fill = () => {
      const domain = domainOf(which.value);
      what = choose(t("make.what"), (DONE[domain] ?? []).map((service) => [service, domain === "scene" || domain === "script" ? t("do.scene") : (known(`do.${service}`) ?? known(`make.${service}`) ?? service)]));
      const extra = () => {
        const wants = what.value === "set_temperature";
        degrees.required = wants;
        place.replaceChildren(what, ...(wants ? [labelled(t("make.degrees"), degrees)] : []));
      };
      what.addEventListener("change", extra);
      extra();
    };
    which.addEventListener("change", fill);
    fill();
    return {
      nodes: [which, place],
      value: () => ({ action: `${domainOf(which.value)}.${what.value}`, target: { entity_id: which.value }, ...(what.value === "set_temperature" ? { data: { temperature: Number(degrees.value) } } : {}) }),
      put: (part) => {
        which.value = part.target?.entity_id;
        fill();
        what.value = String(part.action).split(".")[1];
        what.dispatchEvent(new Event("change"));
        degrees.value = part.data?.temperature ?? "";
      },
    };
  },
  delay() {
    const long = amount(t("make.minutes"), { min: 0.1, max: 1440, required: true });
    return { nodes: [labelled(t("make.minutes"), long)], value: () => ({ delay: { seconds: Math.round(Number(long.value) * 60) } }), put: (part) => putMinutes(long, part.delay) };
  },
  notify() {
    const text = el("input", { "aria-label": t("make.message"), maxlength: 300, required: true, autocomplete: "off" });
    return {
      nodes: [labelled(t("make.message"), text)],
      value: () => ({ action: "notify.notify", data: { message: text.value } }),
      put: (part) => {
        text.value = part.data?.message ?? "";
      },
    };
  },
};

/** The kind of row that says just this, if there is one. */
function fitting(kinds, config) {
  return Object.keys(kinds).find((name) => {
    const part = kinds[name]();
    part.put?.(plain(config));
    return isSame(part.value(), config);
  });
}

const PARTS = { triggers: TRIGGERS, conditions: CONDITIONS, actions: ACTIONS };
const SAID_BESIDE = new Set(["id", "alias", "description", "mode", "homard"]);

/** Whether all of it can be picked. */
const canBePicked = (config) =>
  Object.entries(config).every(([key, value]) => SAID_BESIDE.has(key) || (PARTS[key] && value.every((part) => fitting(PARTS[key], part))));

/** Rows of one kind, of which more can be added. */
function rows(key, kinds, isNeeded, given) {
  const list = el("ul", { class: "parts" });
  const all = new Set();
  const add = (isFirst, config) => {
    const kind = choose(t(`make.${key}`), Object.keys(kinds).map((name) => [name, t(`make.${key}.${name}`)]));
    const place = el("div", { class: "part" });
    const one = { value: null };
    const fill = () => {
      const { nodes, value, put } = kinds[kind.value]();
      place.replaceChildren(...nodes);
      one.value = value;
      return put;
    };
    kind.addEventListener("change", fill);
    if (config) {
      kind.value = fitting(kinds, config);
    }
    const put = fill();
    if (config) {
      put?.(plain(config));
    }
    const item = el("li", { "data-part": key },
      el("div", { class: "part-head" }, kind,
        isFirst && isNeeded ? null : el("button", { type: "button", class: "round", "aria-label": t("remove"), onclick: () => {
          all.delete(one);
          item.remove();
          list.dispatchEvent(new Event("input", { bubbles: true }));
        } }, icon("close"))),
      place);
    all.add(one);
    list.append(item);
  };
  const first = given ?? (isNeeded ? [null] : []);
  first.forEach((config, n) => add(n === 0, config));
  const more = el("button", { type: "button", class: "quiet", "data-add": key, text: t(`make.${key}.add`), onclick: () => add(false) });
  const node = el("section", { class: "making" }, el("h3", { text: t(`make.${key}s`) }), list, more);
  return { node, values: () => [...all].map((one) => one.value()) };
}

/** The states must be there before things can be picked. */
const arrived = () => (states.size > 0 ? Promise.resolve() : new Promise((resolve) => on("all", resolve)));

/** Changes one: by picking if all of it can be picked, else as it is written. */
export async function change(rule, done) {
  await arrived();
  const config = { ...(await call(`/api/config/automation/config/${encodeURIComponent(rule.id)}`)), id: rule.id };
  const lists = Object.keys(PARTS).map((key) => [key, [config[key] ?? []].flat()]);
  const parts = { ...config, ...Object.fromEntries(lists) };
  return canBePicked(parts) ? make(done, parts) : paste(done, JSON.stringify(config, null, 2));
}

/** Makes one by picking, or changes the one that is given. */
export async function make(done, given) {
  await arrived();
  const { box, body } = dialog(t(given ? "routines.change" : "routines.make"));
  box.classList.add("tall");
  const name = el("input", { name: "name", maxlength: 100, required: true, autocomplete: "off", value: given?.alias ?? "" });
  const triggers = rows("trigger", TRIGGERS, true, given?.triggers);
  const conditions = rows("condition", CONDITIONS, false, given?.conditions);
  const actions = rows("action", ACTIONS, true, given?.actions);
  const would = el("div", { role: "status", class: "would" });
  const note = el("p", { class: "note bad", role: "alert" });
  const arm = el("button", { type: "submit", id: "arm", text: t("make.arm"), disabled: true });
  const attempt = el("button", { type: "button", class: "quiet", id: "try", text: t("routines.try") });
  const config = () => ({ description: "", mode: "single", ...given, alias: name.value.trim(), triggers: triggers.values(), conditions: conditions.values(), actions: actions.values() });
  // What was tried is what is armed.
  let isFresh = false;
  const form = el("form", {
    class: "fields",
    oninput: () => {
      isFresh = false;
      arm.disabled = true;
      would.replaceChildren(el("p", { class: "hint", text: t("make.try_first") }));
    },
    onsubmit: async (submit) => {
      submit.preventDefault();
      if (!isFresh) {
        return;
      }
      arm.disabled = true;
      try {
        await call(`/api/config/automation/config/${encodeURIComponent(given?.id ?? now())}`, { method: "POST", body: config() });
        box.close();
        tell(t("make.armed", { name: name.value.trim() }));
        done();
      } catch (error) {
        write(note, error instanceof Refused ? error.message : t("failed"));
        arm.disabled = false;
      }
    },
  }, field(t("make.name"), name), triggers.node, conditions.node, actions.node, would, note,
  el("div", { class: "row end" }, el("button", { type: "button", class: "quiet", text: t("cancel"), onclick: () => box.close() }), attempt, arm));
  attempt.addEventListener("click", async () => {
    if (!form.reportValidity()) {
      return;
    }
    attempt.disabled = true;
    const trial = await tryIt(would, { config: config() });
    isFresh = trial?.armed === true;
    arm.disabled = !isFresh;
    attempt.disabled = false;
    would.scrollIntoView({ block: "nearest" });
  });
  would.append(el("p", { class: "hint", text: t("make.try_first") }));
  body.append(form);
  name.focus();
}

function report({ imported, not_armed: unarmed, problems: found }) {
  return [
    el("p", { text: count("paste.found", imported.length) }),
    unarmed.length > 0 ? el("p", { class: "note bad", text: count("paste.unarmed", unarmed.length, { names: unarmed.join(", ") }) }) : null,
    problems(found),
  ].filter(Boolean);
}

/** Takes in what Home Assistant wrote, or this, which is one of ours. */
export function paste(done, given) {
  const { box, body } = dialog(t(given ? "routines.change" : "routines.paste"));
  box.classList.add("tall");
  const kind = choose(t("paste.kind"), ["automation", "script", "scene"].map((word) => [word, `${word}s.yaml`]));
  const text = el("textarea", { rows: 12, spellcheck: "false", autocomplete: "off", required: true, "aria-label": "YAML", name: "yaml" });
  text.value = given ?? "";
  text.setSelectionRange(0, 0);
  const result = el("div", { role: "status", class: "report" });
  const take = el("button", { type: "submit", id: "take", text: t("paste.take"), disabled: true });
  const send = (isCheck) => call(`/api/homard/automations/import?kind=${kind.value}&check=${isCheck}`, { method: "POST", body: new Blob([text.value], { type: "application/yaml" }) });
  const check = async () => {
    try {
      const found = await send(true);
      result.replaceChildren(...report(found));
      take.disabled = found.imported.length === 0;
    } catch (error) {
      result.replaceChildren(el("p", { class: "note bad", text: error instanceof Refused ? error.message : t("failed") }));
    }
  };
  body.append(el("form", {
    class: "fields",
    oninput: () => {
      take.disabled = true;
      result.replaceChildren();
    },
    onsubmit: async (submit) => {
      submit.preventDefault();
      take.disabled = true;
      try {
        const { imported } = await send(false);
        box.close();
        tell(count("paste.taken", imported.length));
        done();
      } catch (error) {
        result.replaceChildren(el("p", { class: "note bad", text: error instanceof Refused ? error.message : t("failed") }));
      }
    },
  }, el("p", { class: "hint", text: t(given ? "make.too_much" : "paste.hint") }), given ? null : kind, text, result,
  el("div", { class: "row end" },
    el("button", { type: "button", class: "quiet", text: t("cancel"), onclick: () => box.close() }),
    el("button", { type: "button", class: "quiet", id: "check", text: t("paste.check"), onclick: (click) => click.target.form.reportValidity() && check() }), take)));
  text.focus();
}
