// What every page uses: words, elements, calls to the house, its states as they change, questions.
// Names and states come from devices: they only ever become text, never markup.

const root = document.documentElement;
export const page = document.body.dataset;
export const language = root.lang;
const files = new URL(".", import.meta.url);
const words = await (await fetch(new URL(`${language}.json`, files))).json();

/** The words for a key, with `{name}` filled in. */
export function t(key, values = {}) {
  const text = words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (gap, name) => values[name] ?? gap);
}

/** The words for a key if there are any. */
export function known(key) {
  return words[key];
}

/** The page's script listens now: what is written for it alone can be pressed. */
export function ready() {
  document.querySelectorAll("[data-scripted]").forEach((button) => (button.disabled = false));
}

const plural = new Intl.PluralRules(language);

/** The words for `n` things. */
export function count(key, n, values = {}) {
  const exact = words[`${key}.${plural.select(n)}`] ?? words[`${key}.other`] ?? key;
  return exact.replace(/\{(\w+)\}/g, (gap, name) => (name === "n" ? number(n) : (values[name] ?? gap)));
}

/** A number as it is written in this language; a text that is none stays as it is. */
export function number(value, digits) {
  const text = String(value);
  if (text.trim() === "" || !Number.isFinite(Number(text))) {
    return text;
  }
  const fraction = digits ?? (text.split(".")[1]?.length ?? 0);
  const options = { minimumFractionDigits: Math.min(fraction, 6), maximumFractionDigits: Math.min(fraction, 6) };
  return Number(text).toLocaleString(language, options);
}

const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "long" });
const STEPS = [[60, "second"], [3600, "minute", 60], [86400, "hour", 3600], [2592000, "day", 86400], [31536000, "month", 2592000], [Infinity, "year", 31536000]];

/** How far the house's clock is ahead of this browser's, in milliseconds; old tablets drift. */
let ahead = 0;

/** The house's time, in milliseconds. */
export function now() {
  return Date.now() + ahead;
}

/** "3 hours ago". */
export function ago(time) {
  const seconds = (Date.parse(time) - now()) / 1000;
  const size = Math.abs(seconds);
  if (!Number.isFinite(seconds)) {
    return "";
  }
  if (size < 45) {
    return t("now");
  }
  const [, unit, length = 1] = STEPS.find(([limit]) => size < limit);
  return relative.format(Math.round(seconds / length), unit);
}

/**
 * Makes an element. Keys that start with `on` are listeners, `text` is its text, `class`, `data-…`,
 * `aria-…` and others are attributes; `null` and `false` leave one out.
 */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) {
      continue;
    }
    if (key.startsWith("on")) {
      element.addEventListener(key.slice(2), value);
    } else if (key === "text") {
      element.textContent = value;
    } else if (key === "value") {
      element.value = value;
    } else {
      element.setAttribute(key, value === true ? "" : value);
    }
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** A picture of our sprite; never spoken, the words beside it say the same. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(SVG, "use"));
  setIcon(svg, name);
  return svg;
}

/** Shows another picture in its place. */
export function setIcon(svg, name) {
  const address = `${new URL("icons.svg", files).pathname}#${name}`;
  const use = svg.firstElementChild;
  if (use.getAttribute("href") !== address) {
    use.setAttribute("href", address);
  }
}

/** Writes a text only where it is new, so that screen readers and selections keep their place. */
export function write(element, text) {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

/** Why not: the house says it precisely in English, and by a word for other languages. */
export function refusal(code, message) {
  return language === "en" ? message : (known(`refused.${code}`) ?? message);
}

/** What the house refused, or that it did not answer; in the page's language where it can be. */
export class Refused extends Error {
  /** `code` is the house's word for it, `status` that of the answer. */
  constructor(message, { code, status } = {}) {
    super(refusal(code, message));
    this.code = code;
    this.status = status;
  }
}

/** How often what there is in the house had changed when all states were last read. */
export let registry = null;

/** Asks the house; the answer's JSON. */
export async function call(path, { method = "GET", body, headers = {} } = {}) {
  const isFile = body instanceof Blob;
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: { ...(body === undefined ? {} : { "Content-Type": isFile ? body.type : "application/json" }), "X-Homard-Page": page.word, ...headers },
      body: isFile || body === undefined ? body : JSON.stringify(body),
    });
  } catch {
    throw new Refused(t("unreachable"));
  }
  if (answer.status === 401) {
    location.reload();
  }
  const theirs = Date.parse(answer.headers.get("Date") ?? "");
  registry = answer.headers.get("X-Homard-Registry") ?? registry;
  ahead = Math.abs(theirs - Date.now()) > 5000 ? theirs - Date.now() : 0;
  if (answer.ok && answer.headers.get("Content-Type")?.startsWith("audio/")) {
    return answer.arrayBuffer();
  }
  const json = await answer.json().catch(() => null);
  if (!answer.ok) {
    throw new Refused(json?.message ?? t("failed"), { code: json?.code, status: answer.status });
  }
  return json;
}

const statusLine = document.getElementById("status");

function showStatus(key, isBad) {
  if (statusLine) {
    write(statusLine, t(key));
    statusLine.classList.toggle("bad", isBad);
  }
  root.classList.toggle("lost", isBad);
}

/** Says something to everyone, screen readers too; goes away by itself. */
export function tell(text, isBad = false) {
  const place = document.getElementById("told");
  place.classList.toggle("bad", isBad);
  place.textContent = text;
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => (place.textContent = ""), isBad ? 8000 : 4000);
}

/** The house's states as they are now, by entity id. */
export const states = new Map();
const listeners = { state: new Set(), registry: new Set(), all: new Set() };

/** Calls back on `state` (id), on `registry`, and on `all` when everything was read anew. */
export function on(what, callback) {
  listeners[what].add(callback);
}

function notify(what, ...values) {
  listeners[what].forEach((callback) => callback(...values));
}

async function readAll() {
  const all = await call("/api/states");
  states.clear();
  all.forEach((state) => states.set(state.entity_id, state));
  notify("all");
}

function hear(event) {
  if (event.event_type === "state_changed") {
    const { entity_id: id, new_state: state } = event.data;
    if (state) {
      states.set(id, state);
    } else {
      states.delete(id);
    }
    notify("state", id);
  } else if (event.event_type === "homard_lagged") {
    readAll().catch(() => showStatus("lost", true));
  } else if (event.event_type === "homard_registry_updated") {
    notify("registry");
  }
}

/** Follows the house from now on. */
export function follow() {
  const events = new EventSource("/api/events?restrict=state_changed,homard_registry_updated");
  events.onopen = () => {
    // What happened before the stream began.
    readAll().then(() => showStatus("live", false), () => showStatus("lost", true));
  };
  events.onerror = () => {
    showStatus("lost", true);
    // A refused stream is not tried again by the browser. Who is signed out is led to the way in.
    if (events.readyState === EventSource.CLOSED) {
      setTimeout(() => call("/api/").then(follow, follow), 5000);
    }
  };
  events.onmessage = (message) => hear(JSON.parse(message.data));
}

/** Runs once things have been quiet for a while. */
export function later(milliseconds, run) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => run(...values), milliseconds);
  };
}

/**
 * A dialog with a heading and a way out; the focus goes in and comes back. Returns the dialog and its
 * body.
 */
export function dialog(title, picture) {
  const heading = el("h2", { id: `dialog-${dialog.n++}`, text: title });
  const body = el("div", { class: "dialog-body" });
  const leave = el("button", { type: "button", class: "round", "aria-label": t("close"), onclick: () => box.close() }, icon("close"));
  const box = el("dialog", { "aria-labelledby": heading.id }, el("header", {}, picture ?? null, heading, leave), body);
  // A click beside it closes it; the dialog itself is the backdrop's target.
  box.addEventListener("click", (click) => click.target === box && box.close());
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
  return { box, body, heading };
}
dialog.n = 0;

/** Asks before something is done. `field` asks for a text too, and its value is the answer. */
export function ask(question, hint, action, field) {
  return new Promise((resolve) => {
    const { box, body } = dialog(question);
    let answer = false;
    const input = field && el("input", { id: "asked", autocomplete: "off", ...field.input });
    const form = el(
      "form",
      {
        method: "dialog",
        onsubmit: () => {
          answer = input ? input.value : true;
        },
      },
      hint && el("p", { class: "hint", text: hint }),
      input && el("label", { for: "asked", text: field.label }),
      input,
      el("div", { class: "row end" },
        el("button", { type: "button", class: "quiet", text: t("cancel"), onclick: () => box.close() }),
        el("button", { type: "submit", text: action })),
    );
    body.append(form);
    (input ?? form.querySelector(".quiet")).focus();
    box.addEventListener("close", () => resolve(answer));
  });
}

/** The unit and value of a state as it is read, `21.4 °C`. */
export function stateText(state) {
  const [domain] = state.entity_id.split(".");
  const { device_class: kind, unit_of_measurement: unit } = state.attributes;
  const word = state.state;
  if (domain === "binary_sensor" && known(`class.${kind}.${word}`)) {
    return t(`class.${kind}.${word}`);
  }
  const shown = known(`state.${domain}.${word}`) ?? known(`state.${word}`);
  if (shown && (domain !== "sensor" || word === "unknown" || word === "unavailable")) {
    return shown;
  }
  if (/^\d{4}-\d\d-\d\dT/.test(word)) {
    return ago(word);
  }
  const written = domain === "sensor" || domain === "number" ? number(word) : (known(`mode.${word}`) ?? word);
  if (!unit) {
    return written;
  }
  return unit === "%" && language === "en" ? `${written}%` : `${written}\u00a0${unit}`;
}

/** A mode, preset or option as it is read. */
export function modeText(word) {
  return known(`mode.${word}`) ?? word;
}
