// What each kind of thing looks like and can do: its picture, its line of words, its controls on the
// card (`inline`) and in the dialog (`detail`). Abilities are read from `supported_features`, whose
// bits are Home Assistant's.

import { ago, modeText, number, page, stateText, t, known } from "./core.js";
import { act, nameOf } from "./act.js";
import { buttons, choice, entry, picture, segments, slider, stepper, swatches, toggle } from "./widgets.js";

const has = (state, bit) => ((state.attributes.supported_features ?? 0) & bit) !== 0;
const isOn = (state) => state.state === "on";
const degrees = (value) => `${number(value, Number.isInteger(value) ? 0 : 1)}°`;
const percent = (value) => t("percent", { n: number(Math.round(value)) });
const PERCENT = () => [0, 100];
/** A wish for attributes alone. */
const attributes = (values) => ({ attributes: values });

/** Sensors' pictures by device class. */
const CLASS_ICONS = {
  temperature: "thermometer", humidity: "humidity", moisture: "moisture", pressure: "pressure", atmospheric_pressure: "pressure",
  power: "power", apparent_power: "power", current: "power", voltage: "power", energy: "energy", illuminance: "light-level",
  battery: "battery", motion: "motion", occupancy: "motion", presence: "person", smoke: "smoke", gas: "gas", carbon_monoxide: "co2",
  carbon_dioxide: "co2", aqi: "air", pm25: "air", pm10: "air", volatile_organic_compounds: "air", water: "water", volume: "water",
  volume_flow_rate: "water", signal_strength: "signal", connectivity: "connectivity", problem: "problem", safety: "problem",
  tamper: "problem", vibration: "vibration", sound: "sound", sound_pressure: "sound", speed: "speed", wind_speed: "speed",
  weight: "weight", monetary: "money", timestamp: "clock", duration: "clock", date: "date", light: "light-level",
  heat: "warm", cold: "snow", plug: "outlet", running: "play", update: "update",
};
const DOMAIN_ICONS = {
  light: "bulb", switch: "switch", fan: "fan", humidifier: "humidifier", siren: "siren", climate: "thermostat",
  water_heater: "water-heater", vacuum: "vacuum", lawn_mower: "mower", valve: "valve", number: "number", select: "select",
  text: "text", button: "button", scene: "scene", camera: "camera", image: "image", update: "update", event: "event",
  device_tracker: "tracker", date: "date", time: "clock", datetime: "date", notify: "notify", infrared: "remote",
};

/** The picture's name in the sprite. */
export function iconOf(state) {
  const [domain] = state.entity_id.split(".");
  const { device_class: kind } = state.attributes;
  const isOpen = state.state === "on" || state.state === "open" || state.state === "opening";
  switch (domain) {
    case "light":
      return isOpen ? "bulb-on" : "bulb";
    case "switch":
      return kind === "outlet" ? "outlet" : "switch";
    case "lock":
      return state.state === "locked" || state.state === "locking" ? "lock" : "unlock";
    case "alarm_control_panel":
      return state.state === "disarmed" ? "alarm-off" : state.state === "triggered" ? "alert" : "alarm-armed";
    case "cover":
      if (kind === "garage") {
        return isOpen ? "garage-open" : "garage";
      }
      if (kind === "gate") {
        return "gate";
      }
      if (kind === "door") {
        return isOpen ? "door-open" : "door";
      }
      if (kind === "curtain" || kind === "awning" || kind === "shade") {
        return "curtain";
      }
      return kind === "blind" ? (isOpen ? "blind-open" : "blind") : isOpen ? "shutter-open" : "shutter";
    case "binary_sensor":
      if (kind === "door" || kind === "garage_door") {
        return isOpen ? "door-open" : "door";
      }
      if (kind === "window" || kind === "opening") {
        return isOpen ? "window-open" : "window";
      }
      if (kind === "lock") {
        return isOpen ? "unlock" : "lock";
      }
      return CLASS_ICONS[kind] ?? "sensor";
    case "sensor":
      return CLASS_ICONS[kind] ?? "sensor";
    default:
      return DOMAIN_ICONS[domain] ?? "sensor";
  }
}

const ALERTS = new Set(["smoke", "gas", "carbon_monoxide", "moisture", "problem", "safety", "tamper", "heat"]);
const OPENINGS = new Set(["door", "garage_door", "window", "opening"]);
const CALM = new Set(["off", "unavailable", "unknown", "idle", "docked", "standby", "closed", "locked", "disarmed"]);
/** Warmer than this is too warm for a room, and warmer than the second is no room. In °C. */
const TOO_WARM = [27, 45];

/** Which words of the line "at a glance" an entity counts for. */
export function glance(state) {
  const [domain] = state.entity_id.split(".");
  const { device_class: kind, current_temperature: now, unit_of_measurement: unit } = state.attributes;
  const word = state.state;
  if (word === "unavailable") {
    return "offline";
  }
  if (domain === "binary_sensor") {
    if (word !== "on") {
      return null;
    }
    return ALERTS.has(kind) ? "alert" : OPENINGS.has(kind) ? "open" : kind === "lock" ? "unlocked" : null;
  }
  if (word === "triggered" || word === "jammed" || (domain === "siren" && word === "on")) {
    return "alert";
  }
  if (domain === "cover" || domain === "valve") {
    const matters = domain === "valve" || ["garage", "gate", "door", "window"].includes(kind);
    return matters && (word === "open" || word === "opening") ? "open" : null;
  }
  if (domain === "lock") {
    return word === "unlocked" || word === "unlocking" || word === "open" ? "unlocked" : null;
  }
  const warmth = domain === "climate" ? now : domain === "sensor" && kind === "temperature" ? Number(word) : null;
  const celsius = (unit ?? page.degrees) === "°F" ? ((warmth - 32) * 5) / 9 : warmth;
  if (warmth !== null && celsius > TOO_WARM[0] && celsius < TOO_WARM[1]) {
    return "warm";
  }
  if (domain === "light") {
    return word === "on" ? "lights" : null;
  }
  return ["switch", "fan", "humidifier"].includes(domain) && word === "on" ? "on" : null;
}

/** How the card is coloured: `on`, `open`, `alert`, `offline` or nothing. */
export function mood(state) {
  const [domain] = state.entity_id.split(".");
  const kind = glance(state);
  if (kind === "offline" || kind === "alert") {
    return kind;
  }
  if (kind === "open" || kind === "unlocked") {
    return "open";
  }
  if (domain === "climate") {
    const doing = state.attributes.hvac_action;
    return doing === "cooling" ? "open" : doing === "heating" || doing === "preheating" || kind === "warm" ? "on" : "";
  }
  if (["light", "switch", "fan", "humidifier", "water_heater", "vacuum", "lawn_mower", "binary_sensor", "update"].includes(domain)) {
    return CALM.has(state.state) ? "" : "on";
  }
  return kind === "warm" ? "on" : "";
}

/** The line under the name. */
export function line(state) {
  const [domain] = state.entity_id.split(".");
  const a = state.attributes;
  const word = state.state;
  const parts = [];
  if (word === "unavailable") {
    return t("state.unavailable");
  }
  switch (domain) {
    case "climate":
      if (a.current_temperature !== null && a.current_temperature !== undefined) {
        parts.push(degrees(a.current_temperature));
      }
      parts.push(a.hvac_action && word !== "off" ? (known(`action.${a.hvac_action}`) ?? a.hvac_action) : stateText(state));
      break;
    case "water_heater":
      if (a.current_temperature !== null && a.current_temperature !== undefined) {
        parts.push(degrees(a.current_temperature));
      }
      parts.push(modeText(word));
      break;
    case "light":
      parts.push(stateText(state));
      if (isOn(state) && a.brightness) {
        parts.push(percent(a.brightness / 2.55));
      }
      break;
    case "fan":
      parts.push(stateText(state));
      if (isOn(state) && a.percentage) {
        parts.push(percent(a.percentage));
      }
      break;
    case "cover":
    case "valve":
      parts.push(stateText(state));
      if (a.current_position > 0 && a.current_position < 100) {
        parts.push(percent(a.current_position));
      }
      break;
    case "humidifier":
      parts.push(stateText(state));
      if (a.current_humidity) {
        parts.push(percent(a.current_humidity));
      }
      break;
    case "event":
      parts.push(a.event_type ? `${modeText(a.event_type)}, ${ago(word)}` : stateText(state));
      break;
    case "number":
    case "select":
      // The control says it.
      return "";
    case "camera":
    case "image":
    case "notify":
    case "infrared":
      return "";
    case "text":
      return a.mode === "password" ? "••••" : stateText(state);
    default:
      parts.push(stateText(state));
  }
  if (a.restored) {
    parts.push(t("restored"));
  }
  return parts.join(" · ");
}

const onOff = (id) => toggle(nameOf(id), isOn, (on) => act(id, on ? "turn_on" : "turn_off", {}, { state: on ? "on" : "off" }));
/** The states that follow from what is pressed. */
const EXPECTED = {
  open_cover: ["open", "opening"], close_cover: ["closed", "closing"], open_valve: ["open", "opening"], close_valve: ["closed", "closing"],
  lock: ["locked", "locking"], unlock: ["unlocked", "unlocking"], open: ["open", "opening", "unlocked", "unlocking"],
  start: ["cleaning"], return_to_base: ["returning", "docked"], start_mowing: ["mowing"], dock: ["returning", "docked"],
  alarm_disarm: ["disarmed", "disarming"], alarm_arm_home: ["armed_home", "arming", "pending"], alarm_arm_away: ["armed_away", "arming", "pending"],
  alarm_arm_night: ["armed_night", "arming", "pending"], alarm_arm_vacation: ["armed_vacation", "arming", "pending"],
  alarm_arm_custom_bypass: ["armed_custom_bypass", "arming", "pending"], alarm_trigger: ["triggered", "pending"],
};
const press = (id, service, fields, wish = { expect: EXPECTED[service] }) => () => act(id, service, fields, wish);
const moving = (...words) => (state) => words.includes(state.state);

const modes = (state) => state.attributes.supported_color_modes ?? [];
const isDimmable = (state) => modes(state).some((mode) => mode !== "onoff" && mode !== "unknown");
const isColored = (state) => modes(state).some((mode) => ["hs", "xy", "rgb", "rgbw", "rgbww"].includes(mode));
const isWhite = (state) => modes(state).includes("color_temp");
const COLORS = [["red", [0, 100]], ["orange", [28, 100]], ["yellow", [52, 90]], ["green", [120, 80]], ["cyan", [180, 80]], ["blue", [225, 95]], ["purple", [275, 85]], ["pink", [330, 70]]];

const KINDS = {
  light(id, name) {
    const brightness = slider({
      label: t("brightness"), name, kind: "bright", range: () => [1, 100], when: isDimmable, say: percent,
      of: (state) => (state.attributes.brightness ? Math.max(1, Math.round(state.attributes.brightness / 2.55)) : null),
      send: (value) => act(id, "turn_on", { brightness: Math.round(value * 2.55) }, { state: "on", attributes: { brightness: Math.round(value * 2.55) } }),
    });
    const color = (hs) => act(id, "turn_on", { hs_color: hs }, { state: "on", attributes: { hs_color: hs } });
    const hs = (state) => state.attributes.hs_color ?? null;
    return {
      main: onOff(id),
      inline: [brightness],
      detail: () => [
        slider({
          label: t("color_temp"), name, kind: "white", step: 50, when: isWhite,
          range: (state) => [state.attributes.min_color_temp_kelvin ?? 2000, state.attributes.max_color_temp_kelvin ?? 6500],
          of: (state) => state.attributes.color_temp_kelvin, say: (value) => t("color_temp.of", { n: number(value) }),
          send: (kelvin) => act(id, "turn_on", { color_temp_kelvin: kelvin }, { state: "on", attributes: { color_temp_kelvin: kelvin } }),
        }),
        swatches({ label: t("color"), name, colors: COLORS.map(([word, value]) => [t(`color.${word}`), value]), of: hs, when: isColored, send: color }),
        slider({ label: t("hue"), name, kind: "hue", range: () => [0, 360], when: isColored, of: (state) => hs(state)?.[0], say: (value) => `${number(Math.round(value))}°`, send: (hue) => color([hue, 100]) }),
        slider({
          label: t("saturation"), name, range: PERCENT, when: (state) => isColored(state) && hs(state) !== null, of: (state) => hs(state)?.[1], say: percent,
          send: (full) => color([Math.round(hs(stateOf(id))?.[0] ?? 0), full]),
        }),
        choice({ label: t("effect"), name, options: (state) => state.attributes.effect_list, of: (state) => state.attributes.effect, when: (state) => (state.attributes.effect_list ?? []).length > 0, send: (effect) => effect && act(id, "turn_on", { effect }, { state: "on", attributes: { effect } }) }),
      ],
    };
  },
  switch: (id) => ({ main: onOff(id) }),
  fan(id, name) {
    const speed = slider({ label: t("speed"), name, range: PERCENT, when: (state) => has(state, 1), of: (state) => (isOn(state) ? state.attributes.percentage : null), say: percent, send: (percentage) => act(id, "set_percentage", { percentage }, { state: percentage > 0 ? "on" : "off", attributes: { percentage } }) });
    return {
      main: onOff(id),
      inline: [speed],
      detail: () => [
        choice({ label: t("preset"), name, when: (state) => has(state, 8), options: (state) => state.attributes.preset_modes, of: (state) => state.attributes.preset_mode, send: (word) => word && act(id, "set_preset_mode", { preset_mode: word }, attributes({ preset_mode: word })) }),
        segments({ label: t("oscillate"), name, when: (state) => has(state, 2), options: () => ["off", "on"], say: (word) => t(word === "on" ? "oscillate.on" : "oscillate.off"), of: (state) => (state.attributes.oscillating ? "on" : "off"), send: (word) => act(id, "oscillate", { oscillating: word === "on" }, attributes({ oscillating: word === "on" })) }),
        segments({ label: t("direction"), name, when: (state) => has(state, 4), options: () => ["forward", "reverse"], say: (word) => t(`direction.${word}`), of: (state) => state.attributes.direction, send: (direction) => act(id, "set_direction", { direction }, attributes({ direction })) }),
      ],
    };
  },
  humidifier(id, name) {
    const target = stepper({ name, label: t("target"), range: (state) => [state.attributes.min_humidity ?? 0, state.attributes.max_humidity ?? 100], step: () => 1, of: (state) => state.attributes.humidity, say: percent, send: (humidity) => act(id, "set_humidity", { humidity }, attributes({ humidity })) });
    return {
      main: onOff(id),
      inline: [target],
      detail: () => [choice({ label: t("mode"), name, when: (state) => has(state, 1), options: (state) => state.attributes.available_modes, of: (state) => state.attributes.mode, send: (mode) => mode && act(id, "set_mode", { mode }, attributes({ mode })) })],
    };
  },
  siren(id, name) {
    let tone = null;
    return {
      inline: [buttons(name, [
        { word: t("do.siren"), picture: "siren", when: (state) => !isOn(state), press: () => act(id, "turn_on", tone ? { tone } : {}, { state: "on" }) },
        { word: t("do.silence"), picture: "stop", when: isOn, press: press(id, "turn_off", {}, { state: "off" }) },
      ])],
      detail: () => [
        choice({ label: t("tone"), name, when: (state) => has(state, 4), options: (state) => (Array.isArray(state.attributes.available_tones) ? state.attributes.available_tones : Object.values(state.attributes.available_tones ?? {})), of: (state) => tone ?? state.attributes.tone, send: (word) => (tone = word) }),
        buttons(name, [{ word: t("do.silence"), picture: "stop", isText: true, press: press(id, "turn_off", {}, { state: "off" }) }]),
      ],
    };
  },
  cover(id, name) {
    const isClosed = (state) => state.state === "closed" || state.attributes.current_position === 0;
    const isOpen = (state) => state.attributes.current_position === 100 || (state.state === "open" && state.attributes.current_position === undefined);
    const isSure = (is) => (state) => !state.attributes.assumed_state && is(state);
    return {
      inline: [buttons(name, [
        { word: t("do.open_cover"), picture: "up", when: (state) => has(state, 1), isOff: isSure(isOpen), isNow: moving("opening"), press: press(id, "open_cover") },
        { word: t("do.stop_cover"), picture: "stop", when: (state) => has(state, 8), press: press(id, "stop_cover") },
        { word: t("do.close_cover"), picture: "lower", when: (state) => has(state, 2), isOff: isSure(isClosed), isNow: moving("closing"), press: press(id, "close_cover") },
      ])],
      detail: () => [
        slider({ label: t("position"), name, range: PERCENT, when: (state) => has(state, 4), of: (state) => state.attributes.current_position, say: percent, send: (position) => act(id, "set_cover_position", { position }) }),
        slider({ label: t("tilt"), name, range: PERCENT, when: (state) => has(state, 128), of: (state) => state.attributes.current_tilt_position, say: percent, send: (tilt_position) => act(id, "set_cover_tilt_position", { tilt_position }) }),
        buttons(name, [
          { word: t("do.open_cover_tilt"), picture: "tilt", when: (state) => has(state, 16), isText: true, press: press(id, "open_cover_tilt") },
          { word: t("do.stop_cover_tilt"), picture: "stop", when: (state) => has(state, 64), press: press(id, "stop_cover_tilt") },
          { word: t("do.close_cover_tilt"), picture: "minus", when: (state) => has(state, 32), isText: true, press: press(id, "close_cover_tilt") },
        ]),
      ],
    };
  },
  valve: (id, name) => ({
    inline: [buttons(name, [
      { word: t("do.open_valve"), picture: "water", when: (state) => has(state, 1), isNow: moving("opening", "open"), press: press(id, "open_valve") },
      { word: t("do.stop_valve"), picture: "stop", when: (state) => has(state, 8), press: press(id, "stop_valve") },
      { word: t("do.close_valve"), picture: "close", when: (state) => has(state, 2), isNow: moving("closing", "closed"), press: press(id, "close_valve") },
    ])],
    detail: () => [slider({ label: t("position"), name, range: PERCENT, when: (state) => has(state, 4), of: (state) => state.attributes.current_position, say: percent, send: (position) => act(id, "set_valve_position", { position }) })],
  }),
  lock: (id, name) => ({
    inline: [buttons(name, [
      { word: t("do.lock"), picture: "lock", when: (state) => state.state !== "locked" && state.state !== "locking", isText: true, press: press(id, "lock") },
      { word: t("do.unlock"), picture: "unlock", when: (state) => state.state !== "unlocked" && state.state !== "unlocking", isText: true, press: press(id, "unlock") },
    ])],
    detail: () => [buttons(name, [
      { word: t("do.lock"), picture: "lock", isText: true, press: press(id, "lock") },
      { word: t("do.unlock"), picture: "unlock", isText: true, press: press(id, "unlock") },
      { word: t("do.open"), picture: "door-open", isText: true, when: (state) => has(state, 1), press: press(id, "open") },
    ])],
  }),
  climate(id, name) {
    const range = (state) => [state.attributes.min_temp ?? 5, state.attributes.max_temp ?? 35];
    const step = (state) => state.attributes.target_temp_step ?? 0.5;
    const shared = { name, range, step, say: degrees, less: t("cooler"), more: t("warmer") };
    const single = stepper({ ...shared, when: (state) => has(state, 1) && state.attributes.target_temp_low == null, of: (state) => state.attributes.temperature, send: (temperature) => act(id, "set_temperature", { temperature }, attributes({ temperature })) });
    const bound = (key, label) => stepper({
      ...shared, label, when: (state) => has(state, 2) && state.attributes.target_temp_low != null, of: (state) => state.attributes[key],
      send: (value) => {
        const { target_temp_low, target_temp_high } = stateOf(id).attributes;
        const both = { target_temp_low, target_temp_high, [key]: value };
        act(id, "set_temperature", both, attributes(both));
      },
    });
    const pick = (label, bit, list, key, service) => choice({ label, name, when: (state) => has(state, bit), options: (state) => state.attributes[list], of: (state) => state.attributes[key], send: (word) => word && act(id, service, { [key]: word }, attributes({ [key]: word })) });
    return {
      inline: [single, bound("target_temp_low", t("target.low")), bound("target_temp_high", t("target.high"))],
      detail: () => [
        segments({ label: t("mode"), name, options: (state) => state.attributes.hvac_modes, of: (state) => state.state, send: (mode) => act(id, "set_hvac_mode", { hvac_mode: mode }, { state: mode }) }),
        pick(t("preset"), 16, "preset_modes", "preset_mode", "set_preset_mode"),
        pick(t("fan_mode"), 8, "fan_modes", "fan_mode", "set_fan_mode"),
        pick(t("swing"), 32, "swing_modes", "swing_mode", "set_swing_mode"),
        pick(t("swing_horizontal"), 512, "swing_horizontal_modes", "swing_horizontal_mode", "set_swing_horizontal_mode"),
        slider({ label: t("humidity"), name, when: (state) => has(state, 4), range: (state) => [state.attributes.min_humidity ?? 0, state.attributes.max_humidity ?? 100], of: (state) => state.attributes.humidity, say: percent, send: (humidity) => act(id, "set_humidity", { humidity }, attributes({ humidity })) }),
      ],
    };
  },
  water_heater: (id, name) => ({
    inline: [stepper({ name, when: (state) => has(state, 1), range: (state) => [state.attributes.min_temp ?? 30, state.attributes.max_temp ?? 90], step: () => 1, of: (state) => state.attributes.temperature, say: degrees, less: t("cooler"), more: t("warmer"), send: (temperature) => act(id, "set_temperature", { temperature }, attributes({ temperature })) })],
    detail: () => [
      choice({ label: t("mode"), name, when: (state) => has(state, 2), options: (state) => state.attributes.operation_list, of: (state) => state.attributes.operation_mode ?? state.state, send: (mode) => mode && act(id, "set_operation_mode", { operation_mode: mode }, attributes({ operation_mode: mode })) }),
      buttons(name, [
        { word: t("do.turn_on"), picture: "switch", isText: true, when: (state) => has(state, 8), press: press(id, "turn_on") },
        { word: t("do.turn_off"), picture: "stop", isText: true, when: (state) => has(state, 8), press: press(id, "turn_off") },
      ]),
    ],
  }),
  vacuum: (id, name) => ({
    inline: [buttons(name, [
      { word: t("do.start"), picture: "play", when: (state) => has(state, 8192) && state.state !== "cleaning", press: press(id, "start") },
      { word: t("do.pause"), picture: "pause", when: (state) => has(state, 4) && state.state === "cleaning", press: press(id, "pause") },
      { word: t("do.stop"), picture: "stop", when: (state) => has(state, 8), press: press(id, "stop") },
      { word: t("do.return_to_base"), picture: "base", when: (state) => has(state, 16), isNow: moving("returning"), isOff: moving("docked"), press: press(id, "return_to_base") },
    ])],
    detail: () => [
      choice({ label: t("speed"), name, when: (state) => has(state, 32), options: (state) => state.attributes.fan_speed_list, of: (state) => state.attributes.fan_speed, send: (fan_speed) => fan_speed && act(id, "set_fan_speed", { fan_speed }, attributes({ fan_speed })) }),
      buttons(name, [
        { word: t("do.clean_spot"), picture: "vacuum", isText: true, when: (state) => has(state, 1024), press: press(id, "clean_spot") },
        { word: t("do.locate"), picture: "locate", isText: true, when: (state) => has(state, 512), press: press(id, "locate") },
      ]),
    ],
  }),
  lawn_mower: (id, name) => ({
    inline: [buttons(name, [
      { word: t("do.start_mowing"), picture: "play", when: (state) => has(state, 1) && state.state !== "mowing", press: press(id, "start_mowing") },
      { word: t("do.pause"), picture: "pause", when: (state) => has(state, 2), press: press(id, "pause") },
      { word: t("do.dock"), picture: "base", when: (state) => has(state, 4), isNow: moving("returning"), press: press(id, "dock") },
    ])],
  }),
  alarm_control_panel: (id, name) => {
    const arm = (service, bit) => ({ word: t(`do.${service}`), isText: true, when: (state) => has(state, bit) && state.state === "disarmed", press: press(id, service) });
    const disarm = { word: t("do.alarm_disarm"), picture: "alarm-off", isText: true, when: (state) => state.state !== "disarmed", press: press(id, "alarm_disarm") };
    return {
      inline: [buttons(name, [disarm, { ...arm("alarm_arm_away", 2), picture: "alarm-armed" }])],
      detail: () => [buttons(name, [disarm, arm("alarm_arm_home", 1), arm("alarm_arm_away", 2), arm("alarm_arm_night", 4), arm("alarm_arm_vacation", 32), arm("alarm_arm_custom_bypass", 16), { word: t("do.alarm_trigger"), picture: "alert", isText: true, when: (state) => has(state, 8), press: press(id, "alarm_trigger") }])],
    };
  },
  number(id, name) {
    const unit = (state) => state?.attributes.unit_of_measurement ?? "";
    const send = (value) => act(id, "set_value", { value }, { state: String(value) });
    const range = (state) => [state.attributes.min ?? 0, state.attributes.max ?? 100];
    const step = (state) => state.attributes.step ?? 1;
    const of = (state) => (Number.isFinite(Number(state.state)) ? Number(state.state) : null);
    const say = (value) => [number(value), unit(stateOf(id))].filter(Boolean).join(" ");
    return {
      inline: [stepper({ name, range, step, of, send, say })],
      detail: () => [entry({ label: t("value"), name, attributes: (state) => ({ type: "number", min: range(state)[0], max: range(state)[1], step: step(state), inputmode: "decimal" }), of, send: (value) => send(Number(value)) })],
    };
  },
  select: (id, name) => ({
    inline: [choice({ label: t("value"), name, isBare: true, options: (state) => state.attributes.options, of: (state) => state.state, send: (option) => option && act(id, "select_option", { option }, { state: option }) })],
  }),
  text: (id, name) => ({
    inline: [entry({ label: t("value"), name, attributes: (state) => ({ type: state.attributes.mode === "password" ? "password" : "text", minlength: state.attributes.min, maxlength: state.attributes.max, pattern: state.attributes.pattern }), of: (state) => (state.state === "unknown" || state.state === "unavailable" ? "" : state.state), send: (value) => act(id, "set_value", { value }, { state: value }) })],
  }),
  date: (id, name) => ({ inline: [entry({ label: t("value"), name, attributes: () => ({ type: "date" }), of: (state) => state.state, send: (date) => act(id, "set_value", { date }, {}) })] }),
  time: (id, name) => ({ inline: [entry({ label: t("value"), name, attributes: () => ({ type: "time", step: 1 }), of: (state) => state.state, send: (time) => act(id, "set_value", { time }, {}) })] }),
  datetime: (id, name) => ({ inline: [entry({ label: t("value"), name, attributes: () => ({ type: "datetime-local", step: 1 }), of: (state) => state.state.slice(0, 19), send: (datetime) => act(id, "set_value", { datetime: datetime.replace("T", " ") }, {}) })] }),
  button: (id, name) => ({ inline: [buttons(name, [{ word: t("do.press"), picture: "button", isText: true, press: press(id, "press") }])] }),
  scene: (id, name) => ({ inline: [buttons(name, [{ word: t("do.scene"), picture: "play", isText: true, press: press(id, "turn_on") }])] }),
  notify: (id, name) => ({ inline: [entry({ label: t("message"), name, attributes: () => ({ type: "text" }), of: () => "", clears: true, action: t("send"), send: (message) => act(id, "send_message", { message }) })] }),
  camera: (id, name) => ({ isWide: true, inline: [picture(name, `/api/camera_proxy/${id}`)] }),
  image: (id, name) => ({ isWide: true, inline: [picture(name, `/api/image_proxy/${id}`)] }),
  update: (id, name) => ({
    inline: [buttons(name, [{ word: t("do.install"), picture: "update", isText: true, when: (state) => has(state, 1) && isOn(state), isOff: (state) => Boolean(state.attributes.in_progress), press: press(id, "install") }])],
  }),
};

let stateOf = () => null;

/** Says how the controls can look at a state that they were not just given. */
export function lookAt(look) {
  stateOf = look;
}

/** The controls of an entity: `{ main, inline, detail(), isWide }`. */
export function controls(id) {
  const [domain] = id.split(".");
  const made = KINDS[domain]?.(id, nameOf(id)) ?? {};
  return { main: made.main ?? null, inline: made.inline ?? [], detail: made.detail ?? (() => []), isWide: made.isWide ?? false };
}
