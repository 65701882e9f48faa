// The npm package vscode-jsonrpc: the framing of the Language Server Protocol, with Content-Length headers.
import { once } from "node:events";
import { createConnection } from "node:net";
import { createMessageConnection, SocketMessageReader, SocketMessageWriter } from "vscode-jsonrpc/node.js";

const [path, to] = process.argv.slice(2);
const socket = createConnection(path);
await once(socket, "connect");

const connection = createMessageConnection(new SocketMessageReader(socket), new SocketMessageWriter(socket));
const happened = [];
const events = new Map();
connection.onNotification((name, params) => (happened.push(name), events.get(name)?.(params)));
const event = (name) => new Promise((resolve) => events.set(name, resolve));
const [connected, ended] = [event("call.connected"), event("call.ended")];
connection.listen();

const started = await connection.sendRequest("call.start", { to });
await connected;
let refused;
await connection.sendRequest("call.status", { call_id: "ünknown" }).catch((error) => (refused = [error.code, error.data.kind]));
await connection.sendNotification("call.hangup", { call_id: started.call_id });
const { reason } = await ended;
console.log(JSON.stringify({ started, happened, refused, reason }));
connection.dispose();
socket.end();
