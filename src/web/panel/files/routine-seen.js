// One automation: what it did last and why, when it would have run, what can be done with it.

import { Refused, call, count, dialog, el, known, language, t, write } from "./core.js";
import { worded } from "./problems.js";

const second = new Intl.DateTimeFormat(language, { weekday: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });
const minute = new Intl.DateTimeFormat(language, { weekday: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });

/** How a run ended, in words. */
export const ended = (result) => known(`ended.${result}`) ?? result;

/** `action/2/choose/0/sequence/1` as "step 3.1.2". */
function place(path) {
  const numbers = path.split("/").filter((part) => /^\d+$/.test(part)).map((part) => Number(part) + 1).join(".");
  return t(path.startsWith("condition") ? "trace.condition" : "trace.step", { n: numbers });
}

const MARKS = { finished: "good", running: "", queued: "", failed_conditions: "", failed_single: "", aborted: "", stopped: "" };

function trace(run) {
  const mark = MARKS[run.result] ?? "bad";
  const steps = run.steps.map((step) => el("li", {},
    el("span", { class: "words" },
      el("span", { class: "name", text: `${place(step.path)}: ${known(`trace.${step.what}`) ?? step.what}` }),
      el("span", { class: "hint", text: worded(step.result) }))));
  return el("details", { class: "trace" },
    el("summary", {},
      el("span", { class: "words" }, el("span", { class: "name", text: second.format(new Date(run.began)) }), el("span", { class: "hint", text: worded(run.trigger) })),
      el("span", { class: `mark ${mark}`, text: ended(run.result) })),
    run.why ? el("p", { class: mark === "bad" ? "note bad" : "note", text: worded(run.why) }) : null,
    steps.length > 0 ? el("ol", { class: "list" }, steps) : el("p", { class: "hint", text: t("trace.nothing") }),
    run.left_out > 0 ? el("p", { class: "hint", text: count("trace.left_out", run.left_out) }) : null);
}

/** What is not supported, by line where there is one. */
export function problems(list) {
  const line = (problem) => el("li", {}, el("span", { class: "words" },
    el("span", { class: "name", text: problem.line ? t("routines.line", { n: problem.line }) : problem.path || problem.id }),
    el("span", { class: "hint", text: `${worded(problem.text)} (${known(`weight.${problem.consequence}`) ?? problem.consequence})` })));
  return list.length > 0 ? el("ul", { class: "list unsupported" }, list.map(line)) : null;
}

/** When it would have run. */
export function tried(trial) {
  const runs = [...trial.runs].reverse().slice(0, 50).map((run) => el("li", {}, el("span", { class: "words" },
    el("span", { class: "name", text: minute.format(new Date(run.at)) }),
    el("span", { class: "hint", text: [worded(run.why), run.calls.join(", ")].filter(Boolean).join(" → ") }))));
  return el("div", { class: "tried-result" },
    el("p", { text: trial.text }),
    runs.length > 0 ? el("details", {}, el("summary", { text: t("routines.times") }), el("ol", { class: "list scroll" }, runs)) : null,
    problems(trial.problems));
}

/** Asks when a rule would have run, and shows it in a place. */
export async function tryIt(place, body) {
  place.replaceChildren(el("p", { class: "hint", text: t("routines.trying") }));
  try {
    const trial = await call("/api/homard/automations/trial", { method: "POST", body: { ...body, language } });
    place.replaceChildren(tried(trial));
    return trial;
  } catch (error) {
    place.replaceChildren(el("p", { class: "note bad", text: error instanceof Refused ? error.message : t("failed") }));
    return null;
  }
}

/** Shows one. */
export async function see(rule, { mayMake, run, change, remove }) {
  const { box, body } = dialog(rule.alias || rule.id);
  const runs = el("div", { class: "traces", "aria-busy": "true" });
  const would = el("div", { role: "status" });
  const parts = [
    rule.description ? el("p", { text: rule.description }) : null,
    problems(rule.problems),
    el("h3", { text: t("routines.traces") }), runs,
  ];
  const buttons = [el("button", { type: "button", class: "quiet", text: t("routines.run"), onclick: () => run().then(show) })];
  if (mayMake && rule.kind === "automation") {
    buttons.unshift(el("button", { type: "button", class: "quiet", id: "try", text: t("routines.try"), onclick: () => tryIt(would, { id: rule.id }) }));
    parts.splice(2, 0, would);
    buttons.push(el("button", { type: "button", class: "quiet", id: "change-rule", text: t("routines.change"), onclick: () => {
      box.close();
      change();
    } }));
  }
  if (mayMake) {
    buttons.push(el("button", { type: "button", class: "quiet bad", id: "remove-rule", text: t("remove"), onclick: async () => (await remove()) && box.close() }));
  }
  body.append(...parts.filter(Boolean), el("div", { class: "row end" }, buttons));
  async function show() {
    try {
      const all = await call(`/api/homard/automations/${encodeURIComponent(rule.id)}/traces?kind=${rule.kind}`);
      const nodes = all.reverse().map(trace);
      nodes[0]?.setAttribute("open", "");
      runs.replaceChildren(...(nodes.length > 0 ? nodes : [el("p", { class: "hint", text: t("trace.none") })]));
    } catch (error) {
      write(runs, error instanceof Refused ? error.message : t("failed"));
    }
    runs.setAttribute("aria-busy", "false");
  }
  await show();
}
