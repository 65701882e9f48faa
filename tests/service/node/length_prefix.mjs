// No package at all: a 4-byte big-endian length before each message, as older gateways have it.
import { once } from "node:events";
import { createConnection } from "node:net";

const [path, to] = process.argv.slice(2);
const socket = createConnection(path);
await once(socket, "connect");

const send = (message) => {
  const body = Buffer.from(JSON.stringify({ jsonrpc: "2.0", ...message }));
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  socket.write(Buffer.concat([head, body]));
};

const waiting = [];
const messages = [];
let buffer = Buffer.alloc(0);
socket.on("data", (data) => {
  buffer = Buffer.concat([buffer, data]);
  while (buffer.length >= 4 && buffer.length >= 4 + buffer.readUInt32BE()) {
    messages.push(JSON.parse(buffer.subarray(4, 4 + buffer.readUInt32BE())));
    buffer = buffer.subarray(4 + buffer.readUInt32BE());
  }
  for (const check of [...waiting]) check();
});
const find = (matches) =>
  new Promise((resolve) => {
    const check = () => {
      const found = messages.find(matches);
      if (found) resolve(found);
    };
    waiting.push(check);
    check();
  });

send({ id: "start", method: "call.start", params: { to } });
const started = (await find(({ id }) => id === "start")).result;
await find(({ method }) => method === "call.connected");
send({ id: "end", method: "call.hangup" });
const { reason } = (await find(({ method }) => method === "call.ended")).params;
const happened = messages.filter(({ method }) => method).map(({ method }) => method);
console.log(JSON.stringify({ started, happened, reason }));
socket.end();
