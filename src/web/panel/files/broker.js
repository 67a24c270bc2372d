// Which broker: the fields, what they say, and trying one out.

import { Refused, call, el, known, t, write } from "./core.js";
import { field } from "./forms.js";

const KINDS = ["embedded", "network", "outside"];

/** The fields for a broker. `parts` go into a form, `read` gives what they say. */
export function brokerFields(decided) {
  const { value, by } = decided;
  const isFixed = by === "file";
  const kind = (word) => {
    const input = el("input", { type: "radio", name: "broker", value: word, disabled: isFixed, onchange: () => show() });
    input.checked = word === value.kind;
    return el("label", { class: "pick" }, input, el("span", { class: "words" }, el("span", { class: "name", text: t(`broker.${word}`) }), el("span", { class: "hint", text: t(`broker.${word}.hint`) })));
  };
  const text = (name, more = {}) => el("input", { name, autocomplete: "off", autocapitalize: "none", spellcheck: "false", disabled: isFixed, maxlength: 255, ...more });
  const host = text("host", { value: value.host ?? "", placeholder: "192.168.1.5" });
  const port = text("port", { inputmode: "numeric", value: value.kind === "outside" ? String(value.port ?? "") : "", placeholder: "1883" });
  const tls = el("input", { type: "checkbox", name: "tls", disabled: isFixed, onchange: () => show() });
  tls.checked = value.tls;
  const authority = el("textarea", { name: "authority", rows: 4, spellcheck: "false", disabled: isFixed, placeholder: "-----BEGIN CERTIFICATE-----" });
  const user = text("user", { value: value.user ?? "" });
  const password = text("password", { type: "password", autocomplete: "new-password" });
  const kept = el("p", { class: "hint", text: t("broker.password.kept") });
  kept.hidden = !value.has_password;
  const result = el("p", { class: "tried", id: "tried", role: "status" });
  const attempt = el("button", { type: "button", class: "quiet", id: "try-broker", text: t("broker.try"), disabled: isFixed, onclick: () => tryIt() });
  const place = el("div", { class: "pair wide-first" }, field(t("broker.host"), host), field(t("broker.port"), port));
  const secure = el("label", { class: "check" }, tls, t("broker.tls"));
  const trusted = field(t("broker.authority"), authority, t(value.has_authority ? "broker.authority.kept" : "broker.authority.hint"));
  const who = el("div", { class: "pair" }, field(t("broker.user"), user), field(t("password"), password));
  const trial = el("div", { class: "trial" }, attempt, result);
  const picks = el("fieldset", { class: "picks" }, el("legend", { class: "hidden", text: t("settings.broker.which") }), KINDS.map(kind));

  const chosen = () => picks.querySelector(":checked")?.value ?? "embedded";
  const show = () => {
    const now = chosen();
    [place, secure, trial].forEach((part) => (part.hidden = now !== "outside"));
    trusted.hidden = now !== "outside" || !tls.checked;
    who.hidden = now === "embedded";
    kept.hidden = now === "embedded" || !value.has_password || now !== value.kind;
    port.placeholder = tls.checked ? "8883" : "1883";
    // What is hidden must not keep the form from being sent.
    host.required = now === "outside";
    user.required = now === "network";
    password.required = now === "network" && !(value.has_password && value.kind === "network");
    write(result, "");
  };
  const read = () => {
    const now = chosen();
    const body = { kind: now };
    if (now !== "embedded") {
      body.user = user.value.trim();
      if (password.value) {
        body.password = password.value;
      }
    }
    if (now === "outside") {
      body.host = host.value.trim();
      body.tls = tls.checked;
      if (port.value.trim()) {
        body.port = Number(port.value);
        if (!Number.isInteger(body.port) || body.port < 1 || body.port > 65535) {
          throw new Refused("a port is a number from 1 to 65535", { code: "bad_port" });
        }
      }
      if (tls.checked && authority.value.trim()) {
        body.authority = authority.value;
      }
    }
    return body;
  };
  const tryIt = async () => {
    attempt.disabled = true;
    result.classList.remove("bad", "good");
    write(result, t("broker.trying"));
    try {
      const { works, version, code, message } = await call("/api/homard/broker/try", { method: "POST", body: read() });
      result.classList.add(works ? "good" : "bad");
      write(result, works ? t("broker.works", { version }) : `${known(`broker.trouble.${code}`) ?? t("broker.trouble.other")}${code === "other" || code === "certificate" ? ` (${message})` : ""}`);
    } catch (error) {
      result.classList.add("bad");
      write(result, error instanceof Refused ? error.message : t("failed"));
    }
    attempt.disabled = false;
  };
  show();
  return { parts: [picks, place, who, kept, secure, trusted, trial], read };
}
