// A series drawn as SVG: a line with the band of its extremes, or bars of states, with axes, gaps
// and a cursor that mouse, finger, keyboard and screen reader can move. Drawn here, in 4 kB: the
// chart libraries draw on canvases, which a screen reader cannot read and which do not follow the
// colour scheme.

import { el, language, number, t, write } from "./core.js";

const SVG = "http://www.w3.org/2000/svg";
const HOUR = 3600e3;
const DAY = 24 * HOUR;
/** Places beside the plot, in pixels: for the numbers on the left and the times below. */
const LEFT = 44;
const RIGHT = 8;
const TOP = 8;
const BOTTOM = 22;
const HEIGHT = { points: 190, bars: 64 };
/** A bar that is narrower has no word in it. */
const WORD_WIDTH = 7.5;
/** Colours of states that have none of their own, as classes of the style sheet. */
const N_COLORS = 6;

const format = (options) => new Intl.DateTimeFormat(language, options);
const CLOCK = format({ hour: "2-digit", minute: "2-digit" });
const WEEKDAY = format({ weekday: "short" });
const DATE = format({ day: "numeric", month: "short" });
const MOMENT = format({ weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

/** A moment as it is read. */
export const momentText = (at) => MOMENT.format(at);

/** A length of time as it is read: "3 h 12 min". */
export function lengthText(seconds) {
  const minutes = Math.round(seconds / 60);
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24];
  if (minutes < 1) {
    return t("history.seconds", { n: number(Math.round(seconds)) });
  }
  if (days > 0) {
    return t("history.days", { d: number(days), h: number(hours) });
  }
  if (hours > 0 && minutes % 60 === 0) {
    return t("history.hours.whole", { h: number(hours) });
  }
  return hours > 0 ? t("history.hours", { h: number(hours), m: number(minutes % 60) }) : t("history.minutes", { m: number(minutes) });
}

function draw(name, attributes, ...children) {
  const node = document.createElementNS(SVG, name);
  Object.entries(attributes).forEach(([key, value]) => node.setAttribute(key, value));
  node.append(...children);
  return node;
}

const label = (x, y, anchor, text) => draw("text", { x, y, "text-anchor": anchor }, text);

/** Whole times to mark: midnights, or hours of the local day, that have room. */
function timeTicks(from, to, width) {
  const room = Math.max(2, Math.floor(width / 56));
  const steps = [1, 2, 3, 6, 12].map((hours) => hours * HOUR).concat([1, 2, 3, 7, 14].map((days) => days * DAY));
  const step = steps.find((one) => (to - from) / one <= room) ?? 30 * DAY;
  const ticks = [];
  const day = new Date(from);
  day.setHours(0, 0, 0, 0);
  for (let n = 0; day.getTime() <= to; n += 1) {
    if (step >= DAY) {
      if (n % Math.round(step / DAY) === 0 && day.getTime() >= from) {
        ticks.push(day.getTime());
      }
    } else {
      for (let hour = 0; hour < 24; hour += step / HOUR) {
        // By the calendar, so that it is right when clocks change.
        const at = new Date(day).setHours(hour);
        if (at >= from && at <= to && ticks.at(-1) !== at) {
          ticks.push(at);
        }
      }
    }
    day.setDate(day.getDate() + 1);
  }
  const isShort = to - from <= 8 * DAY;
  return ticks.map((at) => {
    const isMidnight = new Date(at).getHours() === 0;
    const text = !isMidnight ? CLOCK.format(at) : isShort ? WEEKDAY.format(at) : DATE.format(at);
    return { at, text, isMidnight };
  });
}

/** Round numbers that hold `low` and `high`, and their places behind the point. */
function valueTicks(low, high) {
  const span = high - low || Math.max(1, Math.abs(high) * 0.1);
  const [bottom, top] = high > low ? [low, high] : [low - span / 2, high + span / 2];
  const rough = span / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((one) => one * power).find((one) => one >= rough * 0.999);
  const first = Math.floor(bottom / step + 1e-9);
  const last = Math.ceil(top / step - 1e-9);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) + (step / power === 2.5 ? 1 : 0);
  return { ticks: Array.from({ length: last - first + 1 }, (_, n) => (first + n) * step), digits };
}

/** Stretches without a number: pairs of indices. */
function gapsOf(points) {
  const gaps = [];
  points.forEach((point, n) => {
    if (point === null) {
      gaps.at(-1)?.[1] === n ? (gaps.at(-1)[1] = n + 1) : gaps.push([n, n + 1]);
    }
  });
  return gaps;
}

/** The class of a state's bar: its own colour, or one of some by its word. */
function barClass(word) {
  if (word === null || word === "unavailable" || word === "unknown") {
    return "gap";
  }
  if (["off", "closed", "locked", "idle", "docked", "standby", "disarmed", "not_home", "0"].includes(word)) {
    return "rest";
  }
  if (["on", "heat", "heating", "home", "cleaning", "playing"].includes(word)) {
    return "on";
  }
  if (["open", "opening", "closing", "unlocked", "cool", "cooling"].includes(word)) {
    return "open";
  }
  const sum = [...word].reduce((hash, letter) => (hash * 31 + letter.codePointAt(0)) % 9973, 7);
  return `color-${sum % N_COLORS}`;
}

/**
 * A series as a figure's inside: the plot and what stands below it. `wordOf` says a state and
 * `valueOf` a number as they are read.
 */
export class Chart {
  constructor({ name, history, series, wordOf, valueOf }) {
    Object.assign(this, { name, series, wordOf, valueOf, from: history.from_ms, to: history.to_ms });
    this.isLine = series.points.length > 0;
    this.steps = this.isLine ? series.points.length : 200;
    this.svg = draw("svg", { "aria-hidden": "true" });
    this.cursor = el("input", { type: "range", class: "cursor", min: 0, max: this.steps - 1, step: 1, value: this.steps - 1, "aria-label": t("history.cursor", { name }) });
    this.readout = el("p", { class: "readout" });
    this.node = el("div", { class: this.isLine ? "plot" : "plot low" }, this.svg, this.cursor, this.readout);
    this.cursor.addEventListener("input", () => this.point(Number(this.cursor.value)));
    this.cursor.addEventListener("focus", () => this.mark && this.point(Number(this.cursor.value)));
    this.cursor.addEventListener("blur", () => this.unpoint());
    this.node.addEventListener("pointermove", (move) => move.pointerType === "mouse" && this.pointAt(move.clientX));
    this.node.addEventListener("pointerleave", () => document.activeElement !== this.cursor && this.unpoint());
    new ResizeObserver(() => this.draw()).observe(this.node);
    this.say(this.steps - 1);
  }

  x(at) {
    return LEFT + ((at - this.from) / (this.to - this.from)) * (this.width - LEFT - RIGHT);
  }

  draw() {
    const width = Math.round(this.node.clientWidth);
    if (width === 0 || width === this.width) {
      return;
    }
    this.width = width;
    this.height = this.isLine ? HEIGHT.points : HEIGHT.bars;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${this.height}`);
    this.svg.setAttribute("height", this.height);
    this.mark = draw("g", { class: "mark", visibility: "hidden" });
    const hatch = draw("pattern", { id: `hatch-${(Chart.n += 1)}`, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, draw("rect", { width: 2, height: 6, class: "hatch" }));
    this.hatch = `url(#${hatch.id})`;
    this.svg.replaceChildren(draw("defs", {}, hatch), ...this.times(), ...(this.isLine ? this.line() : this.bars()), this.mark);
  }

  times() {
    const end = this.height - BOTTOM;
    return timeTicks(this.from, this.to, this.width - LEFT - RIGHT).flatMap(({ at, text, isMidnight }) => {
      const x = this.x(at);
      const tick = draw("line", { x1: x, x2: x, y1: TOP, y2: end + 4, class: isMidnight ? "grid day" : "grid" });
      const isWithin = x > LEFT + 12 && x < this.width - RIGHT - 14;
      return isWithin ? [tick, label(x, this.height - 5, "middle", text)] : [tick];
    });
  }

  line() {
    const { points, step_ms: step } = this.series;
    const known = points.filter((point) => point !== null);
    const low = Math.min(...known.map(([min]) => min));
    const high = Math.max(...known.map(([, max]) => max));
    const { ticks, digits } = valueTicks(low, high);
    const [bottom, top] = [ticks[0], ticks.at(-1)];
    const end = this.height - BOTTOM;
    this.y = (value) => end - ((value - bottom) / (top - bottom || 1)) * (end - TOP);
    const at = (n) => this.x(Math.min(this.from + (n + 0.5) * step, this.to));
    const nodes = ticks.flatMap((tick) => [
      draw("line", { x1: LEFT, x2: this.width - RIGHT, y1: this.y(tick), y2: this.y(tick), class: "grid" }),
      label(LEFT - 6, this.y(tick) + 4, "end", number(tick, digits)),
    ]);
    const gaps = gapsOf(points);
    nodes.push(...gaps.map(([begin, until]) => {
      const x = this.x(this.from + begin * step);
      return draw("rect", { x, y: TOP, width: Math.max(1, this.x(Math.min(this.from + until * step, this.to)) - x), height: end - TOP, fill: this.hatch });
    }));
    const runs = [];
    points.forEach((point, n) => point !== null && (runs.at(-1)?.at(-1) === n - 1 ? runs.at(-1).push(n) : runs.push([n])));
    for (const run of runs) {
      const edge = (list, part) => list.map((n) => `${at(n).toFixed(1)},${this.y(points[n][part]).toFixed(1)}`).join(" ");
      if (run.length === 1) {
        const [n] = run;
        nodes.push(draw("line", { x1: at(n), x2: at(n), y1: this.y(points[n][0]) + 1, y2: this.y(points[n][1]) - 1, class: "value" }));
        continue;
      }
      nodes.push(draw("polygon", { points: `${edge(run, 1)} ${edge(run.toReversed(), 0)}`, class: "band" }));
      nodes.push(draw("polyline", { points: edge(run, 2), class: "value" }));
    }
    return nodes;
  }

  bars() {
    const { bars } = this.series;
    const end = this.height - BOTTOM - 4;
    return bars.flatMap(([at, word], n) => {
      const from = this.x(at);
      const width = Math.max(0.75, this.x(bars[n + 1]?.[0] ?? this.to) - from);
      const kind = barClass(word);
      const bar = draw("rect", { x: from, y: TOP, width, height: end - TOP, class: `bar ${kind}` });
      if (kind === "gap") {
        bar.setAttribute("fill", this.hatch);
        return [bar];
      }
      const text = this.wordOf(word);
      const hasRoom = width > text.length * WORD_WIDTH + 10;
      return hasRoom ? [bar, draw("text", { x: from + width / 2, y: (TOP + end) / 2 + 4, "text-anchor": "middle", class: `in-bar ${kind}` }, text)] : [bar];
    });
  }

  /** The moment of a step of the cursor. */
  momentOf(n) {
    return this.from + ((n + 0.5) / this.steps) * (this.to - this.from);
  }

  textOf(n) {
    if (this.isLine) {
      const point = this.series.points[n];
      if (!point) {
        return t("history.gap");
      }
      const [min, max, mean] = point.map(this.valueOf);
      return min === max ? mean : t("history.between", { mean, min, max });
    }
    const at = this.momentOf(n);
    const bar = this.series.bars.findLast(([since]) => since <= at);
    return !bar || bar[1] === null ? t("history.gap") : this.wordOf(bar[1]);
  }

  say(n) {
    const text = `${momentText(this.isLine ? this.from + n * this.series.step_ms : this.momentOf(n))} · ${this.textOf(n)}`;
    this.cursor.setAttribute("aria-valuetext", text);
    return text;
  }

  pointAt(clientX) {
    const { left } = this.node.getBoundingClientRect();
    const share = (clientX - left - LEFT) / (this.width - LEFT - RIGHT);
    const n = Math.min(this.steps - 1, Math.max(0, Math.floor(share * this.steps)));
    this.cursor.value = n;
    this.point(n);
  }

  point(n) {
    const x = Math.min(this.x(this.isLine ? this.from + (n + 0.5) * this.series.step_ms : this.momentOf(n)), this.width - RIGHT);
    const end = this.height - BOTTOM;
    const nodes = [draw("line", { x1: x, x2: x, y1: TOP, y2: end })];
    const point = this.isLine ? this.series.points[n] : null;
    if (point) {
      nodes.push(draw("circle", { cx: x, cy: this.y(point[2]), r: 4.5 }));
    }
    this.mark.replaceChildren(...nodes);
    this.mark.setAttribute("visibility", "visible");
    write(this.readout, this.say(n));
  }

  unpoint() {
    this.mark?.setAttribute("visibility", "hidden");
    write(this.readout, "");
  }
}
Chart.n = 0;

/** The same as a table, at most some fifty rows of it. */
export function tableOf({ name, history, series, wordOf, valueOf }) {
  const head = (keys) => el("thead", {}, el("tr", {}, keys.map((key) => el("th", { scope: "col", text: t(key) }))));
  const row = (first, cells) => el("tr", {}, el("th", { scope: "row", text: first }), cells.map((text) => el("td", { text })));
  const caption = el("caption", { class: "hidden", text: name });
  if (series.points.length > 0) {
    const size = Math.ceil(series.points.length / 48);
    const rows = [];
    for (let n = 0; n < series.points.length; n += size) {
      const known = series.points.slice(n, n + size).filter((point) => point !== null);
      const mean = known.reduce((sum, point) => sum + point[2], 0) / known.length;
      const cells = known.length === 0 ? [t("history.gap"), "", ""] : [Math.min(...known.map(([min]) => min)), mean, Math.max(...known.map(([, max]) => max))].map(valueOf);
      rows.push(row(momentText(history.from_ms + n * series.step_ms), cells));
    }
    return el("table", {}, caption, head(["history.time", "history.min", "history.mean", "history.max"]), el("tbody", {}, rows));
  }
  const bars = series.bars.slice(-50);
  const rows = bars.map(([at, word], n) => row(momentText(at), [word === null ? t("history.gap") : wordOf(word), lengthText(((bars[n + 1]?.[0] ?? history.to_ms) - at) / 1000)]));
  return el("table", {}, caption, head(["history.time", "history.state", "history.length"]), el("tbody", {}, rows));
}
