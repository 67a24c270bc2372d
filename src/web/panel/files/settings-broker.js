// The broker: which, and whether there is a connection.

import { ago, call, el, follow, t, write } from "./core.js";
import { brokerFields } from "./broker.js";
import { complain, facts, inFile, saving, showRestart } from "./forms.js";

const state = document.getElementById("broker-state");
const line = el("p", { class: "tried", role: "status" });

async function look() {
  const { broker, broker_connected: isThere, broker_since: since, broker_problem: why } = await call("/api/homard/system");
  const words = isThere === null ? t("broker.unknown") : isThere ? t("broker.connected", { time: ago(since) }) : t("broker.none", { time: ago(since) });
  line.classList.toggle("good", isThere === true);
  line.classList.toggle("bad", isThere === false);
  write(line, words);
  if (!line.isConnected) {
    state.append(line);
  }
  state.querySelector("dl")?.remove();
  state.append(facts([[t("broker.used"), broker], why && [t("broker.why"), why]]));
  setTimeout(() => look().catch(() => {}), 5000);
}

function draw(settings) {
  const { parts, read } = brokerFields(settings.broker);
  document.getElementById("broker").replaceChildren(saving([...parts, inFile(settings.broker)], () => (settings.broker.by === "file" ? null : { broker: read() }), draw));
  showRestart(settings);
}

follow();
call("/api/homard/settings").then(draw).catch(complain);
look().catch(complain);
