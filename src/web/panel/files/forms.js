// What the settings pages share: fields, what stands in homard.toml, a restart.

import { Refused, call, el, t, tell, write } from "./core.js";

/** Says what went wrong. */
export function complain(error) {
  tell(error instanceof Refused ? error.message : t("failed"), true);
}

/** A labelled input. */
export const field = (label, input, hint) =>
  el("label", { class: "field" }, el("span", { class: "legend", text: label }), input, hint && el("span", { class: "hint", text: hint }));

/** Whether something is the panel's to change. */
export const isOurs = (decided) => decided.by !== "file";

/** Says that something is not the panel's to change. */
export const inFile = (...decided) => (decided.every(isOurs) ? null : el("p", { class: "hint in-file", text: t("settings.in_file") }));

/** Keeps what the owner decides; the settings as they are then. */
export const decide = (body) => call("/api/homard/settings", { method: "PATCH", body });

/** A form whose button saves; `send` gives what is to be decided, or null. */
export function saving(parts, send, done) {
  const note = el("p", { class: "note bad", role: "alert" });
  const button = el("button", { type: "submit", text: t("save") });
  return el("form", {
    class: "fields",
    onsubmit: async (event) => {
      event.preventDefault();
      button.disabled = true;
      write(note, "");
      try {
        const body = send();
        if (body) {
          const settings = await decide(body);
          tell(t("settings.saved"));
          showRestart(settings);
          done?.(settings);
        }
      } catch (error) {
        write(note, error instanceof Refused ? error.message : t("failed"));
      }
      button.disabled = false;
    },
  }, ...parts, note, el("div", { class: "row end" }, button));
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Starts the daemon again and waits until it is back. */
export async function restart(settings) {
  const { started_at: before } = await call("/api/homard/system");
  await call("/api/homard/restart", { method: "POST", body: {} });
  const isTls = settings ? settings.tls.value !== "off" : location.protocol === "https:";
  const isHere = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  // Behind a proxy the scheme is the proxy's; on this machine both work.
  if (isTls !== (location.protocol === "https:") && !isHere && location.port) {
    await pause(3000);
    location.protocol = isTls ? "https:" : "http:";
    return;
  }
  for (let n = 0; n < 120; n += 1) {
    await pause(500);
    const now = await call("/api/homard/system").catch(() => null);
    if (now && now.started_at !== before) {
      return;
    }
  }
  throw new Refused(t("unreachable"));
}

/** Offers a restart where something waits for one. */
export function showRestart(settings) {
  const place = document.getElementById("restart");
  if (!place) {
    return;
  }
  place.hidden = !settings.needs_restart;
  place.replaceChildren(...(settings.needs_restart ? [el("p", { text: t("settings.needs_restart") }), restartButton(settings)] : []));
}

/** The button that starts the daemon again. */
export function restartButton(settings) {
  const button = el("button", {
    type: "button", class: "quiet", id: "restart-now", text: t("settings.restart"),
    onclick: async () => {
      button.disabled = true;
      write(button, t("settings.restarting"));
      try {
        await restart(settings);
        location.reload();
      } catch (error) {
        complain(error);
        button.disabled = false;
        write(button, t("settings.restart"));
      }
    },
  });
  return button;
}

/** Bytes as they are read. */
export function size(bytes) {
  const steps = [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "B"]];
  const [unit, name] = steps.find(([least]) => bytes >= least) ?? steps[3];
  const value = bytes / unit;
  const digits = unit > 1 && value < 100 ? 1 : 0;
  return `${value.toLocaleString(document.documentElement.lang, { maximumFractionDigits: digits })}\u00a0${name}`;
}

/** What stands beside a word, `[word, text]` each. */
export const facts = (pairs) => el("dl", { class: "facts-list" }, pairs.filter(Boolean).map(([name, text]) => el("div", {}, el("dt", { text: name }), el("dd", { text }))));
