// Every connection to another machine that the daemon made.

import { ago, call, count, el, follow, known, t } from "./core.js";
import { complain } from "./forms.js";

function line({ to, why, what, first_at: first, last_at: last, count: n }) {
  const reason = known(`connections.${why}`) ?? why;
  return el("li", {}, el("span", { class: "words" },
    el("span", { class: "name", text: to }),
    el("span", { class: "hint", text: what ? `${reason}: ${what}` : reason }),
    el("span", { class: "hint", text: n === 1 ? t("connections.once", { time: ago(last) }) : count("connections.often", n, { first: ago(first), last: ago(last) }) })));
}

follow();
call("/api/homard/connections").then((made) => {
  document.getElementById("connections").replaceChildren(made.length
    ? el("ul", { class: "list" }, made.map(line))
    : el("p", { text: t("connections.none") }));
}).catch(complain);
