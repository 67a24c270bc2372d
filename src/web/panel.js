// Keeps the page live and sends what is pressed or typed.
const words = JSON.parse(document.body.dataset.words);
const statusLine = document.getElementById("status");
const rows = new Map(
  [...document.querySelectorAll("li[data-id]")].map((row) => [row.dataset.id, row]),
);

function tell(text, isBad = false) {
  statusLine.textContent = text;
  statusLine.classList.toggle("bad", isBad);
}

async function send(path, body) {
  const answer = await fetch(path, {
    method: body ? "POST" : "GET",
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body ? JSON.stringify(body) : undefined,
  });
  if (answer.status === 401) {
    location.reload();
  }
  const json = await answer.json();
  if (!answer.ok) {
    throw new Error(json.message);
  }
  return json;
}

function show(row, state) {
  const unit = state.attributes.unit_of_measurement;
  const word = words.states[state.state] ?? state.state;
  const shown = unit ? `${word} ${unit}` : word;
  row.dataset.state = state.state;
  // Unchanged text is left alone, so that screen readers and selections keep their place.
  const place = row.querySelector(".state");
  if (place.textContent !== shown) {
    place.textContent = shown;
  }
  const image = row.querySelector("img");
  if (image) {
    showPicture(image);
  }
  for (const button of row.querySelectorAll("button")) {
    button.disabled = state.state === "unavailable";
    if (button.getAttribute("role") === "switch") {
      button.setAttribute("aria-checked", String(state.state === "on"));
    }
  }
}

/** Shows a picture anew; one that is not there yet stays hidden. */
function showPicture(image) {
  const next = new Image();
  next.onload = () => {
    image.src = next.src;
    image.hidden = false;
  };
  next.src = `${image.dataset.src}?at=${Date.now()}`;
}

// A camera's new frame is no change of its state, so it is asked for.
function showCameras() {
  if (!document.hidden) {
    document.querySelectorAll('img[data-src^="/api/camera_proxy/"]').forEach(showPicture);
  }
}

/** Nobody's typing is thrown away for it. */
function suggestReload() {
  if (document.getElementById("text").value === "") {
    location.reload();
  } else {
    tell(words.changed, true);
  }
}

let reload;
function changed() {
  clearTimeout(reload);
  reload = setTimeout(suggestReload, 1500);
}

async function readAll() {
  for (const state of await send("/api/states")) {
    const row = rows.get(state.entity_id);
    if (row) {
      show(row, state);
    }
  }
}

function listen() {
  const events = new EventSource("/api/events");
  events.onopen = () => {
    tell(words.connected);
    // What happened before the stream began.
    readAll().catch(() => tell(words.offline, true));
  };
  events.onerror = () => {
    tell(words.offline, true);
    // A refused stream is not tried again by the browser.
    if (events.readyState === EventSource.CLOSED) {
      setTimeout(listen, 5000);
    }
  };
  events.onmessage = (message) => {
    const event = JSON.parse(message.data);
    if (event.event_type === "state_changed") {
      const row = rows.get(event.data.entity_id);
      const state = event.data.new_state;
      if (row && state) {
        show(row, state);
      } else if (row) {
        changed();
      }
    } else if (event.event_type === "homard_lagged") {
      readAll().catch(() => tell(words.offline, true));
    } else if (event.event_type === "homard_registry_updated") {
      changed();
    }
  };
}

document.querySelector("main").addEventListener("click", async (click) => {
  const button = click.target.closest("button");
  const row = button?.closest("li[data-id]");
  if (!row) {
    return;
  }
  const isOn = button.getAttribute("aria-checked") === "true";
  const service = button.dataset.service ?? (isOn ? "turn_off" : "turn_on");
  const label = button.getAttribute("aria-label");
  const guarded = button.dataset.confirm?.split(" ") ?? [];
  if (guarded.includes(service) && !confirm(`${label} – ${words.really}`)) {
    return;
  }
  const id = row.dataset.id;
  try {
    await send(`/api/services/${id.split(".")[0]}/${service}`, { entity_id: id });
    tell(words.connected);
  } catch (error) {
    tell(error.message || words.failed, true);
  }
});

/** Goes on with what was said before, so that "which one?" can be answered. */
let conversation;

document.getElementById("say").addEventListener("submit", async (submit) => {
  submit.preventDefault();
  const input = document.getElementById("text");
  const reply = document.getElementById("reply");
  const text = input.value.trim();
  if (text === "") {
    return;
  }
  try {
    const answer = await send("/api/conversation/process", {
      text,
      language: words.language,
      conversation_id: conversation,
    });
    conversation = answer.conversation_id;
    reply.textContent = answer.response.speech.plain.speech;
    input.value = "";
  } catch (error) {
    reply.textContent = error.message || words.failed;
  }
});

document.querySelectorAll("img[data-src]").forEach(showPicture);
setInterval(showCameras, 5000);
document.addEventListener("visibilitychange", showCameras);
listen();
