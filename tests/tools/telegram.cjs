// An emulator of Telegram's Bot API: node telegram.cjs MODULE PORT. It says `ready` when it listens.
const [, , path, port] = process.argv;
const Server = require(path);
const server = new Server({ port: Number(port), host: "127.0.0.1", storeTimeout: 600 });
server.start().then(() => console.log("ready"));
