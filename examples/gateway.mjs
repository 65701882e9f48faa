#!/usr/bin/env node
// A gateway in plain Node: takes the calls of a hullo daemon and talks with whoever calls.
//
//     node gateway.mjs [SOCKET]
//
// The daemon hears and speaks; this program decides what is said. Put your agent into `answerTo`.

import { createConnection } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const GREETING = "Hello, this is Hullo. How can I help you?";
const UNCLEAR = "Sorry, I did not understand that.";

const RULES = [
  [/\b(good ?bye|bye|hang up|that (is|was) all)\b/, () => ({ text: "Goodbye, and thank you for calling.", last: true })],
  [/\bwhat can you\b|\bhelp\b/, () => ({ text: "I can tell you the time and the day, and talk about the weather." })],
  [/\bname\b/, () => ({ text: "My name is Hullo." })],
  [/\b(human|machine|computer|robot)\b/, () => ({ text: "I am a machine, and I like to talk." })],
  [/\btime\b|\bclock\b/, (now) => ({ text: `It is ${now.getHours()} ${spokenMinutes(now.getMinutes())}.` })],
  [/\bday\b|\bdate\b/, (now) => ({ text: `Today is ${now.toLocaleDateString("en-US", { weekday: "long" })}.` })],
  [/\bweather\b|\brain\b|\bsun\b/, () => ({ text: "I have no window, but I hope the sun shines where you are." })],
  [/\bthank/, () => ({ text: "You are welcome. Is there anything else?" })],
  [/\b(hello|hi|hey)\b/, () => ({ text: "Hello. Ask me for the time, or about the weather." })],
];

/** What to answer to `heard`: the words, and whether to hang up after them. */
function answerTo(heard, now) {
  const rule = RULES.find(([pattern]) => pattern.test(heard.toLowerCase()));
  return rule ? rule[1](now) : { text: `You said: ${heard}. I only know the time, the day and the weather.` };
}

function spokenMinutes(minutes) {
  if (minutes === 0) return "o'clock";
  return minutes < 10 ? `oh ${minutes}` : `${minutes}`;
}

/** Takes calls: what to do when something happens to one. `request` sends a request and gives its result. */
class Agent {
  constructor(request) {
    this.request = request;
    this.taken = new Set(); // calls that we have answered
    this.speaking = new Map(); // call_id -> utterance_ids that are not over
    this.lastWords = new Map(); // utterance_id -> call_id to hang up after it
    this.apologised = new Set(); // calls that were just told that they were not understood
  }

  /** Take over the calls that were there before we were. */
  async begin() {
    for (const call of await this.request("call.list", { live: true })) {
      if (call.status === "incoming") await this.onIncoming(call);
    }
  }

  async handle(method, params) {
    switch (method) {
      case "call.incoming":
        return this.onIncoming(params);
      case "call.connected":
        say(params.call_id, `connected after ${params.setup_ms} ms`);
        return this.speak(params.call_id, GREETING);
      case "call.speech":
        return this.onSpeech(params);
      case "call.unclear":
        return this.onUnclear(params);
      case "call.spoken":
      case "call.interrupted":
        return this.onUtteranceOver(method, params);
      case "call.error":
        say(params.call_id, `error in the ${params.component}: ${params.error}`);
        return params.utterance_id === null ? undefined : this.onUtteranceOver(method, params);
      case "call.ended":
        return this.onEnded(params);
    }
  }

  async onIncoming({ call_id, peer }) {
    if (this.taken.has(call_id)) return; // in the list and told by an event
    this.taken.add(call_id);
    say(call_id, `rings, from ${peer}`);
    await this.request("call.accept", { call_id });
  }

  async onSpeech({ call_id, text, call_over }) {
    say(call_id, `heard: ${text}`);
    if (call_over) return; // nobody would hear an answer
    this.apologised.delete(call_id);
    if (this.speaking.get(call_id)?.size) await this.request("call.interrupt", { call_id });
    const answer = answerTo(text, new Date());
    await this.speak(call_id, answer.text, answer.last);
  }

  async onUnclear({ call_id }) {
    if (this.apologised.has(call_id)) return; // noise would make us apologise for ever
    this.apologised.add(call_id);
    await this.speak(call_id, UNCLEAR);
  }

  async speak(call_id, text, last = false) {
    say(call_id, `says: ${text}`);
    const { utterance_id } = await this.request("call.speak", { call_id, text });
    if (!this.speaking.has(call_id)) this.speaking.set(call_id, new Set());
    this.speaking.get(call_id).add(utterance_id);
    if (last) this.lastWords.set(utterance_id, call_id);
  }

  async onUtteranceOver(method, { call_id, utterance_id }) {
    this.speaking.get(call_id)?.delete(utterance_id);
    const wasLast = this.lastWords.delete(utterance_id);
    if (wasLast && method !== "call.interrupted") await this.request("call.hangup", { call_id });
  }

  onEnded({ call_id, reason, duration }) {
    say(call_id, `ended after ${duration.toFixed(1)} s: ${reason}`);
    for (const utterance_id of this.speaking.get(call_id) ?? []) this.lastWords.delete(utterance_id);
    this.speaking.delete(call_id);
    this.taken.delete(call_id);
    this.apologised.delete(call_id);
  }
}

/** One connection to the daemon, until it is lost: newline-delimited JSON-RPC 2.0. Gives the error that ended it. */
function converse(path, onConnected) {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const waiting = new Map(); // id -> what to do with the response
    let lastId = 0;

    const request = (method, params = {}) =>
      new Promise((fulfil, reject) => {
        const id = ++lastId;
        waiting.set(id, { fulfil, reject });
        socket.write(JSON.stringify({ jsonrpc: "2.0", id, method, params }) + "\n");
      });
    const agent = new Agent(request);
    const complain = (error) => console.error(error.message);
    let events = Promise.resolve(); // handled one after the other; responses are not kept waiting by them
    const next = (handle) => (events = events.then(handle).catch(complain));

    let problem = null;
    socket.on("error", (error) => (problem = error));
    socket.on("close", () => {
      for (const { reject } of waiting.values()) reject(new Error("the daemon is gone"));
      resolve(problem);
    });
    socket.on("connect", () => {
      onConnected();
      next(() => agent.begin());
    });
    const lines = createInterface({ input: socket, crlfDelay: Infinity });
    lines.on("error", () => {}); // the socket's own handler has it
    lines.on("line", (line) => {
      const message = JSON.parse(line);
      if (message.method) {
        next(() => agent.handle(message.method, message.params));
        return;
      }
      const { fulfil, reject } = waiting.get(message.id) ?? {};
      waiting.delete(message.id);
      if (!message.error) fulfil?.(message.result);
      else (reject ?? complain)(new Error(`${message.error.message} (${message.error.data?.hint})`));
    });
  });
}

function say(callId, what) {
  console.log(`${callId}  ${what}`);
}

function explain(path, error) {
  if (error?.code === "ENOENT") return `no daemon at ${path}: start one with "hullo serve"`;
  if (error?.code === "ECONNREFUSED") return `the daemon of ${path} is gone: start it again with "hullo serve"`;
  if (error?.code === "EACCES") return `${path} belongs to another user: run this as the user of the daemon`;
  return `lost the daemon at ${path}${error ? `: ${error.message}` : ""}`;
}

function defaultSocket() {
  const runtime = process.env.XDG_RUNTIME_DIR;
  return runtime ? join(runtime, "hullo", "hullo.sock") : join(homedir(), ".hullo", "hullo.sock");
}

const path = process.argv[2] ?? process.env.HULLO__RPC__SOCKET ?? defaultSocket();
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(0));

let pause = 0.25;
let told = "";
for (;;) {
  const error = await converse(path, () => {
    console.log(`connected to ${path}`);
    pause = 0.25;
    told = "";
  });
  const reason = explain(path, error);
  if (reason !== told) console.error(`${reason}; trying again`);
  told = reason;
  await new Promise((resolve) => setTimeout(resolve, pause * 1000));
  pause = Math.min(pause * 2, 5);
}
