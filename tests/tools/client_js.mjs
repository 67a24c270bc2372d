// home-assistant-js-websocket, the client of Home Assistant's own pages, against a house that runs.
// Started by tests/it/clients.rs with the package's folder, an address and a token; says `ok …` per
// check, and when it can be restarted, `restart`.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, url, token] = process.argv.slice(2);
const entry = createRequire(`${folder}/package.json`).resolve("home-assistant-js-websocket");
const ha = (await import(pathToFileURL(entry))).default ?? (await import(pathToFileURL(entry)));

function check(what, isSo, seen = "") {
  console.log(`${isSo ? "ok" : "FAIL"} ${what} ${isSo ? "" : JSON.stringify(seen)}`);
}

async function until(what, look) {
  for (let n = 0; n < 600; n += 1) {
    const found = look();
    if (found) {
      return check(what, true);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  check(what, false);
}

const auth = (token) => ({ auth: ha.createLongLivedTokenAuth(url, token) });
await ha.createConnection(auth("wrong")).then(
  () => check("a wrong token is refused", false),
  (error) => check("a wrong token is refused", error === ha.ERR_INVALID_AUTH, error));
const house = await ha.createConnection(auth(token));
check("the dialect is new enough for the short form", ha.createCollection && house.haVersion > "2022.4", house.haVersion);

let entities;
let services;
let config;
ha.subscribeEntities(house, (now) => (entities = now));
ha.subscribeServices(house, (now) => (services = now));
ha.subscribeConfig(house, (now) => (config = now));
await until("entities, services and settings come", () => entities && services && config);
check("all entities are there", Object.keys(entities).length > 40, Object.keys(entities).length);
check("an entity is whole", entities["light.floor_lamp"].attributes.area === "Living room" && !Number.isNaN(Date.parse(entities["light.floor_lamp"].last_changed)), entities["light.floor_lamp"]);
check("services have fields", services.light.turn_on.fields.brightness.selector.number.max === 255, services.light?.turn_on);
check("settings have a name and units", config.location_name === "Home" && config.unit_system.temperature === "°C" && config.state === ha.STATE_RUNNING, config);

const before = entities;
await ha.callService(house, "light", "turn_on", { brightness: 100 }, { entity_id: "light.floor_lamp" });
await until("a change comes by itself", () => entities["light.floor_lamp"].state === "on" && entities["light.floor_lamp"].attributes.brightness === 100);
check("others stay as they are", entities["light.hall_light"] === before["light.hall_light"]);
await ha.callService(house, "light", "turn_off", {}, { area_id: "living_room" });
await until("attributes go with the state", () => entities["light.floor_lamp"].state === "off" && entities["light.floor_lamp"].attributes.brightness === null);
for (const [what, call, code] of [
  ["an unknown service", () => ha.callService(house, "light", "fly"), "not_found"],
  ["an unknown entity", () => ha.callService(house, "light", "turn_on", { entity_id: "light.no" }), "not_found"],
  ["a wrong field", () => ha.callService(house, "light", "turn_on", { entity_id: "light.floor_lamp", brightnes: 3 }), "invalid_format"],
  ["an unknown command", () => house.sendMessagePromise({ type: "no/such" }), "unknown_command"],
]) {
  await call().then(() => check(`${what} is refused`, false), (error) => check(`${what} is refused`, error.code === code && error.message, error));
}
const user = await ha.getUser(house);
check("the user has a name", Boolean(user.id && user.name), user);
check("states come on demand", (await ha.getStates(house)).length === Object.keys(entities).length);

for (const kind of ["area", "floor", "device", "entity"]) {
  const list = await house.sendMessagePromise({ type: `config/${kind}_registry/list` });
  check(`the ${kind} registry has entries`, list.length > 2 && list[0][`${kind === "device" ? "" : `${kind}_`}id`], list[0]);
}
let updates = 0;
await house.subscribeEvents(() => (updates += 1), "area_registry_updated");
const area = await house.sendMessagePromise({ type: "config/area_registry/create", name: "Boot room" });
await until("a new area is told", () => updates > 0);
await house.sendMessagePromise({ type: "config/area_registry/delete", area_id: area.area_id });
const answer = await house.sendMessagePromise({ type: "conversation/process", text: "is the floor lamp on?", language: "en" });
check("one can talk with the house", /no|off/i.test(answer.response.speech.plain.speech), answer.response.speech);
await house.ping();

let returned = 0;
house.addEventListener("ready", () => (returned += 1));
console.log("restart");
await until("it comes back by itself", () => returned > 0);
await until("entities are followed again", () => entities["light.floor_lamp"]?.state === "off");
await ha.callService(house, "light", "turn_on", {}, { entity_id: "light.floor_lamp" });
await until("and change again", () => entities["light.floor_lamp"].state === "on");
house.close();
