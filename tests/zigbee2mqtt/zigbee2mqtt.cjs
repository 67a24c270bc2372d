// The real zigbee2mqtt, whole, on top of a radio that does not exist: its own discovery, states, availability and
// handling of commands, for the devices of devices.json. See README.md beside this file.
//
// Only the `Controller` of zigbee-herdsman is replaced; it is what would speak to the radio stick. Commands reach
// pretended endpoints that accept everything.
"use strict";

const { EventEmitter } = require("node:events");
const fs = require("node:fs");
const Module = require("node:module");
const os = require("node:os");
const path = require("node:path");
const readline = require("node:readline");
const { parseArgs } = require("node:util");

const { values: args } = parseArgs({
    options: {
        broker: { type: "string" },
        modules: { type: "string" },
        devices: { type: "string", default: path.join(__dirname, "devices.json") },
        base: { type: "string", default: "zigbee2mqtt" },
    },
});
if (!args.broker || !args.modules) {
    console.error("usage: zigbee2mqtt.cjs --broker mqtt://HOST:PORT --modules NODE_MODULES [--devices FILE] [--base TOPIC]");
    process.exit(2);
}

const requireFrom = Module.createRequire(path.join(path.resolve(args.modules), "zigbee2mqtt", "index.js"));
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

// --- The radio ------------------------------------------------------------------------------------------------------

/** What a method that a pretended device lacks answers: nothing went wrong, and there is nothing to tell. */
const acceptEverything = (target) =>
    new Proxy(target, {
        get(object, name, receiver) {
            if (name in object || typeof name === "symbol" || name === "then" || name === "toJSON") {
                return Reflect.get(object, name, receiver);
            }
            return async () => ({});
        },
    });

// zigbee2mqtt knows endpoints by the name of their class.
class Endpoint {
    binds = [];
    configuredReportings = [];
    meta = {};
    inputClusters = [];
    outputClusters = [];
    clusters = {};

    constructor(device, ID) {
        this.ID = ID;
        this.deviceIeeeAddress = device.ieeeAddr;
        this.deviceNetworkAddress = device.networkAddress;
        this.getDevice = () => device;
    }

    supportsInputCluster() {
        return true;
    }

    supportsOutputCluster() {
        return true;
    }

    getInputClusters() {
        return [];
    }

    getOutputClusters() {
        return [];
    }

    getClusterAttributeValue() {
        return undefined;
    }

    saveClusterAttributeKeyValue() {}

    hasPendingRequests() {
        return false;
    }
}

class Device {
    meta = {};
    customClusters = {};
    interviewState = "SUCCESSFUL";
    isDeleted = false;
    lastSeen = Date.now();
    linkquality = 120;
    softwareBuildID = "1.2.3";
    dateCode = "20260101";
    endpoints = [];

    constructor(number, { modelID, manufacturer, battery }) {
        this.ieeeAddr = `0x00124b00${number.toString(16).padStart(8, "0")}`;
        this.networkAddress = number;
        this.modelID = modelID;
        this.manufacturerName = manufacturer;
        this.type = battery ? "EndDevice" : "Router";
        this.powerSource = battery ? "Battery" : "Mains (single phase)";
        this.getEndpoint(1);
    }

    /** Definitions name the endpoints that they use; each exists as soon as it is named. */
    getEndpoint(ID) {
        let endpoint = this.endpoints.find((endpoint) => endpoint.ID === ID);
        if (!endpoint) {
            endpoint = acceptEverything(new Endpoint(this, ID));
            this.endpoints.push(endpoint);
        }
        return endpoint;
    }

    save() {}

    addCustomCluster() {}

    updateLastSeen() {}
}

class Coordinator extends Device {
    type = "Coordinator";
    powerSource = undefined;
}

/** In the place of zigbee-herdsman's class of this name. */
class Controller extends EventEmitter {
    #devices;

    constructor(devices) {
        super();
        this.#devices = devices;
    }

    async start() {
        return "resumed";
    }

    async stop() {}

    isStopping() {
        return false;
    }

    getDevicesByType(type) {
        return this.#devices.filter((device) => device.type === type);
    }

    getDevicesIterator(isWanted = () => true) {
        return this.#devices.filter(isWanted);
    }

    getDeviceByIeeeAddr(address) {
        return this.#devices.find((device) => device.ieeeAddr === address);
    }

    getDeviceByNetworkAddress(address) {
        return this.#devices.find((device) => device.networkAddress === address);
    }

    getGroupsIterator() {
        return [];
    }

    getGroupByID() {
        return undefined;
    }

    async getCoordinatorVersion() {
        return { type: "none", meta: { revision: "0" } };
    }

    async getNetworkParameters() {
        return { panID: 6754, extendedPanID: "0xdddddddddddddddd", channel: 11, nwkUpdateID: 0 };
    }

    getPermitJoin() {
        return false;
    }

    getPermitJoinEnd() {
        return undefined;
    }
}

// --- What the devices say -------------------------------------------------------------------------------------------

/** A plausible first value for everything that a definition exposes; buttons are not pressed. */
function firstState(exposes) {
    const state = {};
    for (const expose of exposes) {
        if (expose.property === "action" || expose.property === "linkquality") continue;
        if (expose.type === "composite" || expose.type === "list") {
            // Colours and schedules: of the colour, the point that nearly every bulb can show.
            if (expose.name === "color_xy") state[expose.property] = { x: 0.46, y: 0.41 };
            continue;
        }
        if (expose.features) Object.assign(state, firstState(expose.features));
        // Bit 0: published by the device. What can only be set has no state.
        else if (expose.property && expose.access & 1) state[expose.property] = firstValue(expose);
    }
    if (state.color) state.color_mode = "xy";
    return state;
}

function firstValue({ type, name, values, value_off, value_min, value_max, value_step }) {
    switch (type) {
        case "binary":
            return value_off;
        case "enum":
            return values[0];
        case "text":
            return "";
        case "numeric": {
            const usual = { battery: 80, brightness: 200, temperature: 21.5, local_temperature: 20.5, humidity: 45 }[name];
            if (usual !== undefined) return usual;
            if (name.startsWith("max_") && value_max !== undefined) return value_max;
            if (name.startsWith("min_") && value_min !== undefined) return value_min;
            const from = value_min ?? 0;
            const middle = from + ((value_max ?? from + 100) - from) / 2;
            const step = value_step ?? 1;
            return Number((from + Math.floor((middle - from) / step) * step).toFixed(6));
        }
        default:
            return undefined;
    }
}

// --- zigbee2mqtt ----------------------------------------------------------------------------------------------------

function configuration(devices) {
    return {
        version: 5,
        mqtt: { base_topic: args.base, server: args.broker },
        serial: { port: "/dev/null", adapter: "ember" },
        homeassistant: { enabled: true, experimental_event_entities: true },
        availability: { enabled: true },
        frontend: { enabled: false },
        advanced: { log_output: [], log_level: "error", last_seen: "disable", network_key: Array(16).fill(1), pan_id: 6754 },
        devices: Object.fromEntries(devices.map(({ device, name }) => [device.ieeeAddr, { friendly_name: name }])),
    };
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves when a count that is above zero has not changed for a second. */
async function settled(count) {
    // zigbee2mqtt itself waits five seconds for retained discovery messages of an earlier run.
    const deadline = Date.now() + 20_000;
    for (let last = 0, calm = 0; calm < 1000; ) {
        if (Date.now() > deadline) throw new Error("nothing was announced; does the broker hold messages of an earlier run?");
        await sleep(50);
        const now = count();
        calm = now > 0 && now === last ? calm + 50 : 0;
        last = now;
    }
}

async function main() {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "homard-zigbee2mqtt-"));
    process.on("exit", () => fs.rmSync(folder, { recursive: true, force: true }));
    process.env.ZIGBEE2MQTT_DATA = folder;

    const wanted = JSON.parse(fs.readFileSync(args.devices, "utf8"));
    const devices = wanted.map((entry, at) => ({ name: entry.name, device: acceptEverything(new Device(at + 1, entry)) }));
    // YAML is a superset of JSON.
    fs.writeFileSync(path.join(folder, "configuration.yaml"), JSON.stringify(configuration(devices)));

    const coordinator = acceptEverything(new Coordinator(0, { modelID: "none", manufacturer: "none" }));
    const radio = new Controller([coordinator, ...devices.map(({ device }) => device)]);
    const herdsman = requireFrom("zigbee-herdsman");
    const withoutRadio = Object.defineProperties(
        { ...herdsman },
        { Controller: { value: function () { return radio; } } }, // biome-ignore format: one line
    );
    const load = Module._load;
    Module._load = (request, ...rest) => (request === "zigbee-herdsman" ? withoutRadio : load(request, ...rest));

    const { Controller: Zigbee2Mqtt } = requireFrom("./dist/controller.js");
    requireFrom("./dist/util/settings.js").reRead();
    const z2m = new Zigbee2Mqtt(async () => {}, async (code) => process.exit(code));
    const discovered = new Map();
    z2m.eventBus.onMQTTMessagePublished("test", ({ topic, payload }) => {
        const [prefix, component] = topic.split("/");
        if (prefix !== "homeassistant" || !topic.endsWith("/config")) return;
        if (payload) discovered.set(topic, component);
        else discovered.delete(topic);
    });
    await z2m.start();
    await settled(() => discovered.size);

    // States are not retained: before the announcement nobody would hear them.
    for (const { name } of devices) {
        const device = z2m.zigbee.resolveEntity(name);
        if (!device.isSupported) throw new Error(`${name}: this zigbee2mqtt does not know the device`);
        await z2m.publishEntityState(device, firstState(device.exposes()));
    }

    const components = {};
    for (const component of discovered.values()) components[component] = (components[component] ?? 0) + 1;
    const known = devices.map(({ name, device: { ieeeAddr } }) => {
        const { definition } = z2m.zigbee.resolveEntity(name);
        return { name, ieeeAddr, model: definition.model, vendor: definition.vendor, state: z2m.state.state.get(ieeeAddr) };
    });
    say({ event: "ready", version: requireFrom("./package.json").version, components, devices: known });

    // What zigbee2mqtt says of each device since its last command.
    const said = new Map();
    z2m.eventBus.onPublishEntityState("test", ({ entity, payload }) => {
        said.set(entity.name, { ...said.get(entity.name), ...payload });
    });
    z2m.eventBus.onMQTTMessage("test", async ({ topic, message }) => {
        const [, name, attribute] = topic.match(/^[^/]+\/(.+?)\/set(?:\/(.+))?$/) ?? [];
        const device = name && z2m.zigbee.resolveEntityAndEndpoint(name).entity;
        if (!device) return;
        // zigbee2mqtt publishes the new state of most commands itself, in the same turn; where it waits for the device to
        // report, the device does so now.
        await sleep(100);
        const report = reportOf(device.exposes(), parseCommand(message, attribute), said.get(device.name) ?? {});
        if (Object.keys(report).length > 0) await z2m.publishEntityState(device, report);
        said.delete(device.name);
        say({ event: "command", device: device.name, topic, payload: message, state: z2m.state.get(device) });
    });

    for await (const line of readline.createInterface({ input: process.stdin })) {
        const { device: name, state } = JSON.parse(line);
        const device = z2m.zigbee.resolveEntity(name);
        if (device) await z2m.publishEntityState(device, state);
        say({ event: device ? "reported" : "unknown", device: name });
    }
    await z2m.stop();
}

/** The properties that a command sets. */
function parseCommand(message, attribute) {
    try {
        const value = JSON.parse(message);
        return attribute ? { [attribute]: value } : value;
    } catch {
        return { [attribute ?? "state"]: message };
    }
}

/** What a device would report after a command that sets `wanted`, as far as zigbee2mqtt has not `said` it already. */
function reportOf(exposes, wanted, said) {
    const exposed = flatten(exposes);
    const report = {};
    for (const [key, value] of Object.entries(wanted)) {
        const expose = exposed.get(key);
        if (!expose || key in said || !isPossible(expose, value)) continue;
        if (key === "state" && exposed.has("lock_state")) report.lock_state = value === "LOCK" ? "locked" : "unlocked";
        if (key === "state" && exposed.has("position") && value !== "STOP") report.position = value === "OPEN" ? 100 : 0;
        if (key === "position" && exposed.has("state")) report.state = value > 0 ? "OPEN" : "CLOSE";
        if (expose.access & 1 && value !== "STOP") report[key] = value;
    }
    return report;
}

function isPossible({ type, values, value_on, value_off, value_min = -Infinity, value_max = Infinity }, value) {
    switch (type) {
        case "binary":
            return value === value_on || value === value_off;
        case "enum":
            return values.includes(value);
        case "numeric":
            return typeof value === "number" && value_min <= value && value <= value_max;
        case "text":
            return typeof value === "string";
        default:
            return false;
    }
}

/** Every property that a definition exposes. */
function flatten(exposes, found = new Map()) {
    for (const expose of exposes) {
        if (expose.property) found.set(expose.property, expose);
        if (expose.features && !expose.property) flatten(expose.features, found);
    }
    return found;
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
