// The controls a card is made of. Each is `{ node, update(state) }` and knows nothing of devices.

import { el, icon, later, modeText, number, t, write } from "./core.js";

/** Keyboards move a slider step by step: only where it rests is sent. */
const REST = 250;

const isOffline = (state) => state.state === "unavailable";

/** On or off. */
export function toggle(name, isOn, flip) {
  const node = el("button", { type: "button", role: "switch", class: "switch", "aria-label": name, onclick: () => flip(node.getAttribute("aria-checked") !== "true") }, el("span"));
  return {
    node,
    update(state) {
      node.setAttribute("aria-checked", String(isOn(state)));
      node.disabled = isOffline(state);
    },
  };
}

/**
 * A slider. `of(state)` is where it stands (null: nowhere known), `send` gets where it was left,
 * `say` words a value.
 */
export function slider({ label, range, step = 1, of, send, say = (value) => number(value), kind = "", name, when = () => true }) {
  const output = el("output");
  const input = el("input", { type: "range", class: `slider ${kind}`, step, "aria-label": name ? `${name}: ${label}` : label });
  const node = el("div", { class: "field slide" }, el("div", { class: "legend", "aria-hidden": "true" }, el("span", { text: label }), output), input);
  let isHeld = false;
  const show = () => {
    const share = (input.value - input.min) / (input.max - input.min || 1);
    input.style.setProperty("--share", share);
    const words = say(Number(input.value));
    write(output, words);
    input.setAttribute("aria-valuetext", words);
  };
  const rest = later(REST, () => {
    isHeld = false;
    send(Number(input.value));
  });
  input.addEventListener("input", () => {
    isHeld = true;
    input.classList.remove("unset");
    show();
  });
  input.addEventListener("change", rest);
  return {
    node,
    update(state) {
      node.hidden = !when(state);
      const [min, max] = range(state);
      input.min = min;
      input.max = max;
      input.disabled = isOffline(state);
      if (!isHeld) {
        const value = of(state);
        const isUnset = value === null || value === undefined;
        input.value = value ?? min;
        input.classList.toggle("unset", isUnset);
        show();
        if (isUnset) {
          write(output, "");
          input.setAttribute("aria-valuetext", t("state.unknown"));
        }
      }
    },
  };
}

/** A number with less and more; several presses become one call. */
export function stepper({ label, name, range, step, of, send, say, less = t("less"), more = t("more"), when = () => true }) {
  const output = el("output", { "aria-live": "polite", "aria-atomic": "true" });
  const press = (by) => el("button", { type: "button", class: "round", "aria-label": `${name}: ${by < 0 ? less : more}`, onclick: () => move(by) }, icon(by < 0 ? "minus" : "plus"));
  const [minus, plus] = [press(-1), press(1)];
  const node = el("div", { class: "stepper", role: "group", "aria-label": label ? `${name}: ${label}` : name }, minus, el("span", { class: "reading" }, label ? el("small", { text: label }) : null, output), plus);
  let now = null;
  let last = null;
  let isMoving = false;
  const rest = later(600, () => {
    isMoving = false;
    send(now);
  });
  function move(by) {
    const [min, max] = range(last);
    const size = step(last);
    const base = now ?? min;
    now = Math.min(max, Math.max(min, Math.round((base + by * size) / size) * size));
    now = Number(now.toFixed(4));
    isMoving = true;
    write(output, say(now));
    rest();
  }
  return {
    node,
    update(state) {
      last = state;
      node.hidden = !when(state);
      if (!isMoving) {
        now = of(state) ?? null;
        write(output, now === null ? "–" : say(now));
      }
      const [min, max] = range(state);
      minus.disabled = isOffline(state) || (now !== null && now <= min);
      plus.disabled = isOffline(state) || (now !== null && now >= max);
    },
  };
}

/** One of several, from a list. */
export function choice({ label, name, options, of, send, say = modeText, when = () => true, isBare = false }) {
  const select = el("select", { "aria-label": `${name}: ${label}`, onchange: () => send(select.value) });
  const node = isBare ? el("div", { class: "field" }, select) : el("div", { class: "field" }, el("span", { class: "legend", "aria-hidden": "true", text: label }), select);
  let listed = "";
  return {
    node,
    update(state) {
      node.hidden = !when(state);
      const list = options(state) ?? [];
      const value = of(state) ?? "";
      const all = list.includes(value) ? list : ["", ...list];
      if (listed !== all.join("\n")) {
        listed = all.join("\n");
        select.replaceChildren(...all.map((word) => el("option", { value: word, text: word === "" ? "–" : say(word) })));
      }
      select.value = value;
      select.disabled = isOffline(state);
    },
  };
}

/** One of a few, as buttons side by side. */
export function segments({ label, name, options, of, send, say = modeText, when = () => true }) {
  const node = el("div", { class: "segments", role: "group", "aria-label": `${name}: ${label}` });
  let listed = "";
  return {
    node,
    update(state) {
      node.hidden = !when(state);
      const list = options(state) ?? [];
      if (listed !== list.join("\n")) {
        listed = list.join("\n");
        node.replaceChildren(...list.map((word) => el("button", { type: "button", "data-word": word, text: say(word), onclick: () => send(word) })));
      }
      for (const button of node.children) {
        button.setAttribute("aria-pressed", String(button.dataset.word === of(state)));
        button.disabled = isOffline(state);
      }
    },
  };
}

/** Buttons; each is `{ word, picture, text, press, when, isNow }`. With a picture the words are only spoken. */
export function buttons(name, list) {
  const made = list.map(({ word, picture, press, isText }) => {
    const say = isText ? el("span", { text: word }) : null;
    return el("button", { type: "button", "aria-label": `${word}: ${name}`, title: word, onclick: press }, picture ? icon(picture) : null, say);
  });
  const node = el("div", { class: "buttons" }, made);
  return {
    node,
    update(state) {
      list.forEach(({ when, isOff, isNow }, at) => {
        made[at].hidden = when ? !when(state) : false;
        made[at].disabled = isOffline(state) || (isOff?.(state) ?? false);
        made[at].classList.toggle("now", isNow?.(state) ?? false);
      });
    },
  };
}

/** A text, number, date or time that is typed and sent. */
export function entry({ label, name, attributes, of, send, action = t("set"), clears = false }) {
  const input = el("input", { "aria-label": `${name}: ${label}`, autocomplete: "off", required: true });
  const button = el("button", { type: "submit", text: action, "aria-label": `${action}: ${name}` });
  const node = el("form", { class: "entry" }, input, button);
  let isTyped = false;
  input.addEventListener("input", () => {
    isTyped = true;
  });
  node.addEventListener("submit", (submit) => {
    submit.preventDefault();
    isTyped = false;
    send(input.value);
    if (clears) {
      input.value = "";
    }
  });
  return {
    node,
    update(state) {
      for (const [key, value] of Object.entries(attributes(state))) {
        if (value !== null && value !== undefined) {
          input.setAttribute(key, value);
        }
      }
      if (!isTyped && !clears && document.activeElement !== input) {
        input.value = of(state) ?? "";
      }
      input.disabled = isOffline(state);
      button.disabled = isOffline(state);
    },
  };
}

/** A picture that a device shows; asked for anew on each update and every few seconds. */
export function picture(name, address) {
  const image = el("img", { alt: t("picture", { name }), hidden: true });
  const empty = el("p", { class: "hint", text: t("picture.none") });
  const node = el("div", { class: "picture" }, image, empty);
  let isAsked = false;
  const show = () => {
    if (isAsked || document.hidden || !node.isConnected) {
      return;
    }
    isAsked = true;
    const next = new Image();
    next.onload = () => {
      isAsked = false;
      image.src = next.src;
      image.hidden = false;
      empty.hidden = true;
    };
    next.onerror = () => {
      isAsked = false;
    };
    next.src = `${address}?at=${Date.now()}`;
  };
  // A camera's new frame is no change of its state, so it is asked for, until the picture is gone.
  let wasThere = false;
  const timer = setInterval(() => {
    if (wasThere && !node.isConnected) {
      clearInterval(timer);
    }
    wasThere ||= node.isConnected;
    show();
  }, 5000);
  return { node, update: () => queueMicrotask(show) };
}

/** Colours to pick, as swatches. */
export function swatches({ label, name, colors, of, send, when }) {
  const made = colors.map(([word, hs]) => {
    const button = el("button", { type: "button", class: "swatch", "aria-label": `${name}: ${label} ${word}`, title: word, onclick: () => send(hs) });
    button.style.setProperty("--swatch", `hsl(${hs[0]} ${hs[1]}% ${100 - hs[1] / 2}%)`);
    return button;
  });
  const node = el("div", { class: "swatches", role: "group", "aria-label": `${name}: ${label}` }, made);
  return {
    node,
    update(state) {
      node.hidden = !when(state);
      const now = of(state);
      made.forEach((button, at) => {
        const [hue, full] = colors[at][1];
        const isNow = Array.isArray(now) && Math.abs(now[0] - hue) < 6 && Math.abs(now[1] - full) < 6;
        button.setAttribute("aria-pressed", String(isNow));
        button.disabled = isOffline(state);
      });
    },
  };
}

