// Newer programs: asked for, fetched and tried only when somebody who runs the house says so.

import { Refused, ask, call, el, t, write } from "./core.js";
import { complain, restart } from "./forms.js";
import { worded } from "./problems.js";

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** What was asked for, once it is over: a program comes over whatever line the house has. */
async function over() {
  for (;;) {
    const state = await call("/api/homard/update");
    if (!state.is_busy) {
      return state;
    }
    await pause(500);
  }
}

/** Asks, or fetches. */
async function begin(what) {
  try {
    await call(`/api/homard/update/${what}`, { method: "POST", body: {} });
  } catch (error) {
    // Somebody else has asked at this moment.
    if (!(error instanceof Refused) || error.code !== "busy") {
      throw error;
    }
  }
  return over();
}

function button(name, words, busy, act) {
  const made = el("button", {
    type: "button", class: "quiet", id: name, text: words,
    onclick: async () => {
      made.disabled = true;
      write(made, busy);
      try {
        await act();
      } catch (error) {
        complain(error);
      }
      made.disabled = false;
      write(made, words);
    },
  });
  return made;
}

/** Draws how it is with newer programs, and what can be done about it. */
export async function drawUpdates(settings, state) {
  const place = document.getElementById("updates");
  const draw = (now) => drawUpdates(settings, now);
  if (!state.is_allowed) {
    place.replaceChildren(el("p", { text: t("updates.closed") }));
    return;
  }
  const { found, wanted, refused, problem } = state;
  const isOffered = state.is_newer && wanted !== found && refused !== found;
  const news = [
    isOffered && t("updates.newer", { version: found }),
    found && !state.is_newer && !problem && t("updates.none"),
    wanted && t("updates.wanted", { version: wanted }),
    refused && t("updates.refused", { version: refused }),
  ].filter(Boolean);
  const start = async () => {
    await restart(settings);
    location.reload();
  };
  const install = async () => {
    if (!await ask(t("updates.install.ask", { version: found }), t("updates.install.hint"), t("updates.install.yes"))) {
      return;
    }
    const fetched = await begin("fetch");
    await draw(fetched);
    if (fetched.wanted === found) {
      await start();
    }
  };
  place.replaceChildren(
    el("div", { id: "update-news", role: "status" }, ...news.map((text) => el("p", { text })), problem && el("p", { class: "note bad", text: worded(problem) })),
    el("div", { class: "row" },
      button("update-look", t("updates.look"), t("updates.looking"), async () => draw(await begin("check"))),
      isOffered && button("update-install", t("updates.install", { version: found }), t("updates.installing"), install),
      wanted && button("update-try", t("updates.try", { version: wanted }), t("settings.restarting"), start)),
  );
  if (state.is_busy) {
    const look = document.getElementById("update-look");
    look.disabled = true;
    write(look, t("updates.looking"));
    await draw(await over());
  }
}
