// What runs here, how it is reached, and starting it again.

import { ago, call, el, follow, language, t } from "./core.js";
import { complain, facts, inFile, isOurs, restartButton, saving, showRestart, size } from "./forms.js";
import { drawUpdates } from "./settings-updates.js";

function drawAbout(about) {
  const free = about.disk_free === null ? null : [t("system.free"), t("system.of", { free: size(about.disk_free), size: size(about.disk_size) })];
  document.getElementById("about").replaceChildren(facts([
    [t("system.version"), `Homard ${about.version}${about.is_demo ? ` (${t("system.demo")})` : ""}`],
    [t("system.started"), ago(about.started_at)],
    [t("system.data"), about.data_dir],
    [t("system.size"), size(about.data_bytes)],
    free,
    about.memory_size !== null && [t("system.memory"), t("system.memory.of", { taken: size(about.memory_taken), models: size(about.memory_for_models), size: size(about.memory_size) })],
    about.is_for_old_processors && [t("system.processor"), t("system.processor.old")],
    [t("system.listen"), about.listen],
  ]));
}

function drawNetwork(settings, { certificate }) {
  const { open, tls } = settings;
  const box = (decided, isOn, words, name) => {
    const input = el("input", { type: "checkbox", name, disabled: !isOurs(decided) });
    input.checked = isOn;
    return [input, el("label", { class: "check" }, input, words)];
  };
  const [isOpen, openLabel] = box(open, open.value, t("network.open"), "open");
  const [isTls, tlsLabel] = box(tls, tls.value !== "off", t("network.tls"), "tls");
  const until = certificate?.until && new Date(certificate.until).toLocaleDateString(language);
  const shown = certificate && el("details", {}, el("summary", { text: t("network.certificate") }), facts([
    [t("network.made"), t(certificate.is_own ? "network.made.own" : "network.made.owner")],
    until && [t("network.until"), until],
    [t("network.fingerprint"), certificate.fingerprint],
  ]));
  document.getElementById("network").replaceChildren(saving(
    [openLabel, el("p", { class: "hint", text: t("network.open.hint") }), tlsLabel, el("p", { class: "hint", text: t("network.tls.hint") }), shown, inFile(open, tls)],
    () => {
      const body = { ...(isOurs(open) && { open: isOpen.checked }), ...(isOurs(tls) && { tls: isTls.checked }) };
      return Object.keys(body).length ? body : null;
    },
  ));
}

follow();
Promise.all([call("/api/homard/settings"), call("/api/homard/system"), call("/api/homard/update")]).then(([settings, about, update]) => {
  drawAbout(about);
  drawNetwork(settings, about);
  document.getElementById("start").replaceChildren(el("div", { class: "row" }, restartButton(settings)));
  showRestart(settings);
  return drawUpdates(settings, update);
}).catch(complain);
