// What the house does by itself: automations and how they last ran, what is planned, lists.

import { ago, ask, call, count, el, follow, icon, language, later, number, on, ready, t, tell } from "./core.js";
import { complain } from "./forms.js";
import { change, make, paste } from "./routine-made.js";
import { ended, see } from "./routine-seen.js";

const boxes = Object.fromEntries(["rules", "plans", "lists"].map((id) => [id, document.getElementById(id)]));
const mayMake = document.getElementById("make") !== null;
const KINDS = ["automation", "script", "scene"];
const clock = new Intl.DateTimeFormat(language, { weekday: "short", hour: "2-digit", minute: "2-digit" });
const date = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

/** "Tue 07:00", or with the date when that is far. */
function moment(time) {
  const at = new Date(time);
  return (Math.abs(at - Date.now()) < 6 * 86_400_000 ? clock : date).format(at);
}

const empty = (key) => el("p", { class: "panel-box hint", text: t(key) });

/** Calls a service of an entity, then shows how things are. */
const serve = (rule, service, fields = {}) =>
  call(`/api/services/${rule.kind}/${service}`, { method: "POST", body: { entity_id: rule.entity_id, ...fields } }).catch(complain).finally(load);

function told(rule) {
  const parts = [];
  if (!rule.armed) {
    parts.push(t("routines.unarmed"));
  } else if (rule.kind === "automation" && !rule.enabled) {
    parts.push(t("routines.off"));
  }
  parts.push(rule.last_triggered ? t("routines.ran", { time: ago(rule.last_triggered) }) : t("routines.never"));
  if (rule.last_result && rule.last_result !== "finished") {
    parts.push(ended(rule.last_result));
  }
  if (rule.next && rule.enabled) {
    parts.push(t("routines.next", { time: moment(rule.next) }));
  }
  return parts.join(" · ");
}

function row(rule) {
  const isOn = rule.enabled && rule.armed;
  const control = rule.kind === "automation"
    ? el("button", { type: "button", role: "switch", class: "switch", "aria-label": rule.alias, "aria-checked": String(isOn), disabled: !rule.armed, onclick: () => serve(rule, rule.enabled ? "turn_off" : "turn_on") }, el("span"))
    : el("button", { type: "button", class: "quiet", "aria-label": `${t("routines.run")}: ${rule.alias}`, text: t("routines.run"), onclick: () => run(rule) });
  return el("li", { "data-rule": rule.entity_id },
    el("button", { type: "button", class: "words", onclick: () => see(rule, { mayMake, run: () => run(rule), change: () => change(rule, load).catch(complain), remove: () => remove(rule) }) },
      el("span", { class: "name", text: rule.alias || rule.id }), el("span", { class: rule.armed ? "hint" : "hint bad", text: told(rule) })),
    control);
}

async function run(rule) {
  await serve(rule, rule.kind === "automation" ? "trigger" : "turn_on");
  tell(t("routines.begun", { name: rule.alias }));
}

async function remove(rule) {
  if (!(await ask(t("routines.remove.ask", { name: rule.alias }), t("routines.remove.hint"), t("remove")))) {
    return false;
  }
  await call(`/api/config/${rule.kind}/config/${encodeURIComponent(rule.id)}`, { method: "DELETE" }).catch(complain);
  await load();
  return true;
}

function drawRules(rules) {
  const groups = KINDS.map((kind) => [kind, rules.filter((rule) => rule.kind === kind).sort((one, other) => one.alias.localeCompare(other.alias))]);
  const shown = groups.filter(([, all]) => all.length > 0).flatMap(([kind, all]) => [
    kind === "automation" ? null : el("h3", { text: t(`routines.${kind}`) }),
    el("ul", { class: "list panel-box" }, all.map(row)),
  ]);
  boxes.rules.replaceChildren(...(rules.length > 0 ? shown.filter(Boolean) : [empty(mayMake ? "routines.none.make" : "routines.none")]));
  boxes.rules.setAttribute("aria-busy", "false");
}

function every({ days, at, sun, each_s: each }) {
  const named = days.length === 7 ? t("routines.daily") : days.map((day) => t(`day.${day}`)).join(", ");
  if (each) {
    return count("routines.each", Math.round(each / 60));
  }
  return `${named} ${at ?? t(`routines.${sun}`)}`;
}

function plan(entry) {
  const name = entry.kind === "timer" && entry.name ? entry.name : entry.text || entry.said;
  const when = entry.paused ? t("routines.held") : entry.due ? moment(entry.due) : "";
  const left = entry.kind === "timer" && entry.left_s !== null ? t("routines.left", { time: length(entry.left_s) }) : when;
  const parts = [t(`routines.kind.${entry.kind}`), entry.paused ? when : left, entry.every && every(entry.every)];
  const cancel = () => call(`/api/homard/agenda/${entry.id}`, { method: "DELETE" }).catch(complain).finally(load);
  return el("li", {},
    el("span", { class: "words" }, el("span", { class: "name", lang: entry.language, text: name }), el("span", { class: "hint", text: parts.filter(Boolean).join(" · ") })),
    boxes.plans.dataset.may === "change" ? el("button", { type: "button", class: "quiet", "aria-label": `${t("cancel")}: ${name}`, text: t("cancel"), onclick: cancel }) : null);
}

function length(seconds) {
  const minutes = Math.ceil(seconds / 60);
  return minutes < 90 ? t("routines.minutes", { n: number(minutes) }) : t("routines.hours", { n: number(Math.round(minutes / 60)) });
}

function drawPlans(entries) {
  boxes.plans.replaceChildren(entries.length > 0 ? el("ul", { class: "list panel-box" }, entries.map(plan)) : empty("routines.plans.none"));
  boxes.plans.setAttribute("aria-busy", "false");
}

const edit = (list, item, act) => call("/api/homard/lists", { method: "POST", body: { list, item, do: act } }).catch(complain).finally(load);

function drawList({ name, items }) {
  const title = name || t("routines.shopping");
  const input = el("input", { "aria-label": t("routines.list.add", { name: title }), placeholder: t("routines.list.what"), maxlength: 200, autocomplete: "off", required: true, enterkeyhint: "done", "data-list": name });
  const line = ({ text, completed }) => el("li", { class: completed ? "done" : null },
    el("label", { class: "check words" }, el("input", { type: "checkbox", ...(completed ? { checked: true } : {}), onchange: () => edit(name, text, completed ? "add" : "complete") }), el("span", { class: "name", text })),
    el("button", { type: "button", class: "round", "aria-label": `${t("remove")}: ${text}`, onclick: () => edit(name, text, "remove") }, icon("close")));
  return el("div", { class: "panel-box shared-list" },
    el("h3", { text: title }),
    el("ul", { class: "list" }, [...items].sort((one, other) => one.completed - other.completed).map(line)),
    el("form", {
      class: "entry",
      onsubmit: (submit) => {
        submit.preventDefault();
        edit(name, input.value.trim(), "add").then(() => document.querySelector(`[data-list="${CSS.escape(name)}"]`)?.focus());
        input.value = "";
      },
    }, input, el("button", { type: "submit", text: t("routines.add") })));
}

function drawLists(lists) {
  const all = lists.some((list) => list.name === "") ? lists : [{ name: "", items: [] }, ...lists];
  const more = el("button", {
    type: "button", class: "quiet", id: "new-list", text: t("routines.list.new"),
    onclick: async () => {
      const name = await ask(t("routines.list.new"), "", t("routines.list.next"), { label: t("routines.list.name"), input: { maxlength: 60, required: true } });
      const item = name && (await ask(t("routines.list.first", { name }), "", t("routines.add"), { label: t("routines.list.what"), input: { maxlength: 200, required: true } }));
      if (item) {
        edit(name, item, "add");
      }
    },
  });
  boxes.lists.replaceChildren(...all.map(drawList), el("p", { class: "makers" }, more));
  boxes.lists.setAttribute("aria-busy", "false");
}

/** Whoever types in a box keeps what they type. */
const isTyped = (box) => box.contains(document.activeElement) && document.activeElement.tagName === "INPUT" && document.activeElement.value !== "" && document.activeElement.type !== "checkbox";

/** The focus stays where it was although all is drawn anew. */
function drawn(box, draw) {
  const held = box.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
  draw();
  if (held) {
    box.querySelector(`[aria-label="${CSS.escape(held)}"]`)?.focus();
  }
}

async function load() {
  try {
    const [rules, agenda] = await Promise.all([call("/api/homard/automations"), call("/api/homard/agenda")]);
    drawn(boxes.rules, () => drawRules(rules));
    drawn(boxes.plans, () => drawPlans(agenda.entries));
    if (!isTyped(boxes.lists)) {
      drawn(boxes.lists, () => drawLists(agenda.lists));
    }
  } catch (error) {
    complain(error);
  }
}

const soon = later(300, load);
const isRule = (id) => KINDS.includes(id.split(".")[0]);
on("state", (id) => isRule(id) && soon());
on("registry", soon);
// What is said elsewhere to be planned or listed is no state.
setInterval(() => document.hidden || soon(), 20_000);
document.getElementById("make")?.addEventListener("click", () => make(load));
document.getElementById("paste")?.addEventListener("click", () => paste(load));
ready();
follow();
load();
