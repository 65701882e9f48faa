// The npm package json-rpc-2.0 over node:net: a whole call, driven by a program that knows nothing of hullo but its socket.
import { once } from "node:events";
import { createConnection } from "node:net";
import { createInterface } from "node:readline";
import { JSONRPCClient, JSONRPCServer, JSONRPCServerAndClient } from "json-rpc-2.0";

const [path, to] = process.argv.slice(2);
const socket = createConnection(path);
await once(socket, "connect");

const peer = new JSONRPCServerAndClient(
  new JSONRPCServer(),
  new JSONRPCClient((request) => void socket.write(JSON.stringify(request) + "\n")),
);
createInterface({ input: socket }).on("line", (line) => peer.receiveAndSend(JSON.parse(line)));

const happened = [];
const event = (name) => new Promise((resolve) => peer.addMethod(name, (params) => (happened.push(name), resolve(params))));
const [ringing, connected, speaking, spoken, ended] = [
  "call.ringing", "call.connected", "call.speaking", "call.spoken", "call.ended",
].map(event);

const started = await peer.request("call.start", { to });
await ringing;
await connected;
const batch = await peer.requestAdvanced([
  { jsonrpc: "2.0", id: 101, method: "call.speak", params: { callId: started.call_id, text: "Hello from Node." } },
  { jsonrpc: "2.0", id: 102, method: "call.status", params: [started.call_id] },
]);
const utterance = batch.find(({ id }) => id === 101).result.utterance_id;
const heard = (await speaking).utterance_id === utterance && (await spoken).text;
let refused;
await peer.request("call.speek", {}).catch((error) => (refused = [error.code, error.data.hint]));
peer.notify("call.hangup", { call_id: started.call_id });
const { reason, duration } = await ended;
console.log(JSON.stringify({ started, happened, heard, refused, reason, duration }));
socket.end();
