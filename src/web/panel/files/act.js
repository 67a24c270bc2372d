// Sends what a person wants and shows it until the device has answered: optimistic, never lying.

import { Refused, ask, call, known, states, t, tell } from "./core.js";

/** A device that has not answered by then is shown as it was, with a word about it. */
const PATIENCE = 4000;

/** What was wished and is not confirmed, by entity id: see [`act`]. */
const wishes = new Map();
/** What went wrong last, by entity id: `{ text, isBad }`. */
const notes = new Map();
/** Services that need a yes, by entity id. The server decides which. */
const guarded = new Map();
/** What things are called before their states are read. */
const names = new Map();
let redraw = () => {};

/** Says whom to call when an entity's wish or note changes. */
export function onWish(callback) {
  redraw = callback;
}

/** Services of this entity that must be confirmed. */
export function guard(id, services) {
  guarded.set(id, services);
}

/** The state as it is shown: the device's, with what was just wished on top. */
export function shown(id) {
  const state = states.get(id);
  const wish = wishes.get(id);
  if (!state || !wish) {
    return state;
  }
  return {
    ...state,
    state: wish.state ?? state.state,
    attributes: { ...state.attributes, ...wish.attributes },
  };
}

/** Whether an answer is awaited. */
export function isWaiting(id) {
  return wishes.has(id);
}

/** What to say on the card. */
export function note(id) {
  return notes.get(id);
}

function isNear(wished, real) {
  if (Array.isArray(wished)) {
    return Array.isArray(real) && wished.every((part, at) => isNear(part, real[at]));
  }
  if (typeof wished === "number") {
    return typeof real === "number" && Math.abs(wished - real) <= Math.max(0.05, Math.abs(wished) * 0.02, wished > 10 ? 1.5 : 0);
  }
  return wished === real;
}

function isGranted(wish, state) {
  const isThere = wish.state === undefined || wish.state === state?.state;
  const isOnItsWay = wish.expect === undefined || wish.expect.includes(state?.state);
  return isThere && isOnItsWay && Object.entries(wish.attributes ?? {}).every(([name, value]) => isNear(value, state?.attributes[name]));
}

/** A state came from the house: is it what was wished? */
export function heard(id) {
  const wish = wishes.get(id);
  if (wish?.isSent && isGranted(wish, states.get(id))) {
    wishes.delete(id);
  }
  if (notes.has(id) && !notes.get(id).isBad) {
    notes.delete(id);
  }
}

function settle(id, wish) {
  if (wishes.get(id) !== wish) {
    return;
  }
  wishes.delete(id);
  if (!isGranted(wish, states.get(id))) {
    notes.set(id, { text: t("silent", { name: nameOf(id) }), isBad: false });
  }
  redraw(id);
}

/** Says what a thing is called, as the page has it. */
export function named(id, name) {
  names.set(id, name);
}

/** What it is called. */
export function nameOf(id) {
  return states.get(id)?.attributes.friendly_name || names.get(id) || id;
}

/** A refusal without the id in front, which the card says already. */
function reason(id, message) {
  return message.startsWith(`${id}: `) ? message.slice(id.length + 2) : message;
}

/**
 * Calls a service of an entity. `wish` is what the device will say if it does it: its `state` and
 * `attributes`, which are shown meanwhile, or the states to `expect`, which are not, as a lock is not
 * locked before it says so. A guarded service is asked about first, and a code where the device wants
 * one. True when it was sent.
 */
export async function act(id, service, fields = {}, wish = {}) {
  const [domain] = id.split(".");
  const label = known(`do.${service}`) ?? service;
  const { code_format: format, code_arm_required: toArm } = states.get(id)?.attributes ?? {};
  const wantsCode = domain === "alarm_control_panel" && format && (service === "alarm_disarm" || toArm);
  if (wantsCode) {
    const input = { type: "password", inputmode: format === "number" ? "numeric" : "text" };
    const code = await ask(t("really", { action: label, name: nameOf(id) }), "", label, { label: t("code"), input });
    if (code === false) {
      return false;
    }
    fields = { ...fields, code };
  } else if (guarded.get(id)?.includes(service)) {
    if (!(await ask(t("really", { action: label, name: nameOf(id) }), t("really.hint"), label))) {
      redraw(id);
      return false;
    }
  }
  const sent = { ...wish, isSent: false };
  wishes.set(id, sent);
  notes.delete(id);
  redraw(id);
  try {
    const changed = await call(`/api/services/${domain}/${service}`, { method: "POST", body: { entity_id: id, ...fields } });
    sent.isSent = true;
    for (const state of changed) {
      states.set(state.entity_id, state);
    }
    heard(id);
    redraw(id);
    setTimeout(() => settle(id, sent), PATIENCE);
    return true;
  } catch (error) {
    if (wishes.get(id) === sent) {
      wishes.delete(id);
    }
    const text = error instanceof Refused ? reason(id, error.message) : t("failed");
    notes.set(id, { text, isBad: true });
    tell(`${nameOf(id)}: ${text}`, true);
    redraw(id);
    return false;
  }
}
