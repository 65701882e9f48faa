// Recording and playing voice messages: what is clicked twice, fails, or is unplugged.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { element, Microphones, recorders, settled } from "./browser.mjs";

const { Messages } = await import("../../../src/hullo/web/static/js/messages.js");

const MESSAGE = {
  message_id: "1",
  direction: "received",
  peer: "direct:bob",
  created: "2026-01-01T00:00:00Z",
  duration: 2,
  waveform: [1, 2],
  heard: true,
};

let sound, messages, notices, sent, answer;

beforeEach(() => {
  [sound, notices, sent, answer] = [new Microphones(), [], [], { status: 201, ok: true }];
  globalThis.fetch = async (path, { body } = {}) => {
    if (!answer) throw new TypeError("nobody answered");
    if (body) sent.push(await body.text());
    return { ...answer, text: async () => '{"detail": "no", "remedy": "again"}', blob: async () => new Blob(["x"]) };
  };
  const rpc = { request: async (method) => (method === "message.list" ? [MESSAGE] : {}) };
  messages = new Messages({ token: "t", rpc, sound, onNotice: (text) => notices.push(text), onChange: () => {} });
});

async function recording() {
  const begun = messages.record("bob", "direct:bob");
  await sound.give();
  await begun;
}

test("two clicks on Record leave one microphone open, and none after the message is sent", async () => {
  const both = [messages.record("bob", "direct:bob"), messages.record("ann", "direct:ann")];
  await sound.give();
  await sound.give();
  await Promise.all(both);
  assert.equal(sound.live, 1);
  await element("recorder-send").onclick();
  assert.deepEqual([sound.live, sent, element("recorder").hidden], [0, ["words"], true]);
});

test("a browser that can't record lets go of the microphone", async () => {
  const { MediaRecorder } = globalThis;
  globalThis.MediaRecorder = class {
    constructor() {
      throw new Error("not supported");
    }
  };
  await recording();
  globalThis.MediaRecorder = MediaRecorder;
  assert.deepEqual([sound.live, notices], [0, ["not supported"]]);
});

test("what was recorded until the microphone was unplugged can be sent", async () => {
  await recording();
  recorders.at(-1).stop(); // as the browser does then
  await settled();
  await element("recorder-send").onclick();
  assert.deepEqual(sent, ["words"]);
});

test("a recording that could not be sent is still there, to be sent again", async () => {
  await recording();
  answer = null;
  await element("recorder-send").onclick();
  assert.deepEqual([sent, notices.length, element("recorder").hidden, sound.live], [[], 1, false, 0]);
  answer = { status: 201 };
  await element("recorder-send").onclick();
  assert.deepEqual([sent, element("recorder").hidden], [["words"], true]);
});

test("a call ends the recording and keeps it", async () => {
  await recording();
  messages.stopRecording();
  assert.deepEqual([sound.live, element("recorder").hidden], [0, false]);
  await element("recorder-send").onclick();
  assert.deepEqual(sent, ["words"]);
});

test("a message that can't be had is told", async () => {
  await messages.load();
  messages.draw();
  const button = element("message-list").children[0].children[2];
  answer = null;
  await button.onclick();
  answer = { status: 404, ok: false };
  await button.onclick();
  assert.deepEqual(notices, ["The daemon can't be reached right now.", "no\nagain"]);
});
