// mqtt.js, which zigbee2mqtt uses, against a broker on 127.0.0.1:PORT; in zigbee2mqtt's manner.
// Arguments: folder of the package, port. Prints `ok NAME` or `FAIL NAME: reason`.
'use strict';

const [folder, port] = process.argv.slice(2);
const mqtt = require(folder);

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function until(condition, what) {
  for (let waited = 0; waited < 8000; waited += 20) {
    if (condition()) return;
    await sleep(20);
  }
  throw new Error(`in vain: ${what()}`);
}

async function connect(protocolVersion, clientId, options = {}) {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
    protocolVersion,
    clientId: `${clientId}${protocolVersion}`,
    reconnectPeriod: 200,
    connectTimeout: 4000,
    ...options,
  });
  client.on('error', () => {});
  client.received = [];
  client.on('message', (topic, payload, packet) => client.received.push({ topic, payload, packet }));
  return client;
}

async function bridge(version) {
  const base = `z2m${version}`;
  const will = { topic: `${base}/bridge/state`, payload: Buffer.from('offline'), retain: true, qos: 1 };
  const z2m = await connect(version, 'z2m', { will });
  await z2m.publishAsync(`${base}/bridge/state`, 'online', { retain: true, qos: 1 });
  await z2m.publishAsync(`${base}/bridge/devices`, 'x'.repeat(180000), { retain: true });
  const numbers = [...Array(200).keys()];
  await Promise.all(numbers.map((n) =>
    z2m.publishAsync(`ha${version}/sensor/n${n}/config`, 'y'.repeat(700), { retain: true, qos: 1 })));

  const hub = await connect(version, 'hub');
  await hub.subscribeAsync([`ha${version}/#`, `${base}/#`], { qos: 0 });
  const count = () => hub.received.filter((m) => m.packet.retain).length;
  await until(() => count() === 202, () => `${count()} of 202 retained messages`);
  const devices = hub.received.find((m) => m.topic.endsWith('/devices'));
  if (devices.payload.length !== 180000) throw new Error('the large message was cut');

  // A broken connection: mqtt.js connects and subscribes again by itself.
  hub.received.length = 0;
  hub.stream.destroy();
  await until(() => count() === 202, () => `${count()} of 202 after the reconnection`);
  await z2m.publishAsync(`${base}/lamp`, 'ON', { qos: 1 });
  await until(() => hub.received.some((m) => m.topic === `${base}/lamp`), () => 'live message');

  z2m.options.reconnectPeriod = 0;
  z2m.stream.destroy();
  const isOffline = (m) => m.topic === `${base}/bridge/state` && m.payload.toString() === 'offline';
  await until(() => hub.received.some(isOffline), () => 'the will');
  await hub.endAsync(true);
}

async function manyFilters(version) {
  const client = await connect(version, 'many');
  const filters = [...Array(500).keys()].map((n) => `many${version}/${n}/+`);
  const grants = await client.subscribeAsync(filters, { qos: 1 });
  if (grants.length !== 500 || grants.some((g) => g.qos !== 1)) throw new Error('not all granted');
  await client.publishAsync(`many${version}/77/x`, 'k', { qos: 2 });
  await until(() => client.received.length === 1, () => `${client.received.length} messages`);
  await client.endAsync(true);
}

async function properties(version) {
  if (version !== 5) return;
  const client = await connect(version, 'properties', { properties: { topicAliasMaximum: 10 } });
  await client.subscribeAsync('pr/js', { qos: 2 });
  await client.publishAsync('pr/js', 'x', {
    qos: 2,
    properties: {
      responseTopic: 'r/1',
      correlationData: Buffer.from('c'),
      contentType: 'j',
      userProperties: { k: 'v' },
    },
  });
  await until(() => client.received.length === 1, () => 'the message');
  const got = client.received[0].packet.properties;
  const isSame = got.responseTopic === 'r/1' && got.contentType === 'j'
    && got.correlationData.toString() === 'c' && got.userProperties.k === 'v';
  if (!isSame) throw new Error(JSON.stringify(got));
  await client.endAsync(true);
}

async function main() {
  let failed = 0;
  for (const version of [4, 5]) {
    for (const check of [bridge, manyFilters, properties]) {
      const name = `${check.name} version ${version}`;
      try {
        await check(version);
        console.log(`ok ${name}`);
      } catch (error) {
        failed = 1;
        console.log(`FAIL ${name}: ${error.message}`);
      }
    }
  }
  process.exit(failed);
}

main();
