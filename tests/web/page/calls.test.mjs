// What the page makes of events: no browser, no daemon.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Calls } from "../../../src/hullo/web/static/js/calls.js";

const times = { end_of_speech_ms: 300, recognition_ms: 200 };
const report = { peer: "bob", line: "direct", direction: "outgoing", began: 1_000 };
const status = {
  call_id: "1",
  peer: "page",
  line: "browser",
  direction: "incoming",
  status: "active",
  began: 1_000,
  duration: 5,
  verified: null,
  stats: null,
  reason: null,
  detail: null,
  bridged_to: null,
  peer_muted: null,
  leg: { emoji: null },
};

function told(...events) {
  const calls = new Calls();
  for (const event of events) calls.apply({ call_id: "1", ...event }, 10_000);
  return calls.get("1");
}

const spoken = (call) =>
  call.transcript.map(({ speaker, text, partial }) => `${speaker}${partial ? "?" : ""}: ${text}`);

test("partials are replaced by what follows them", () => {
  const call = told(
    { type: "call.incoming", peer: "page", line: "browser" },
    { type: "call.partial", text: "what" },
    { type: "call.partial", text: "what is" },
  );
  assert.deepEqual(spoken(call), ["you?: what is"]);
  const whole = told(
    { type: "call.incoming", peer: "page", line: "browser" },
    { type: "call.partial", text: "what" },
    { type: "call.speech", text: "what is it", times },
  );
  assert.deepEqual(spoken(whole), ["you: what is it"]);
});

test("an answer counts from the last word, not from its recognition", () => {
  const call = told(
    { type: "call.incoming", peer: "page", line: "browser" },
    { type: "call.speech", text: "what is it", times },
    { type: "call.speaking", utterance_id: "u", text: "It" },
    { type: "call.spoken", utterance_id: "u", text: "It is nothing." },
  );
  assert.deepEqual(spoken(call), ["you: what is it", "agent: It is nothing."]);
  assert.ok(call.transcript[1].answerMs >= 500 && call.transcript[1].answerMs < 1_500);
});

test("what was cut short says how far it was heard, and what never began is not there", () => {
  const call = told(
    { type: "call.speaking", utterance_id: "u", text: "One two three" },
    { type: "call.interrupted", utterance_id: "u", text: "One two three", heard_text: "One" },
    { type: "call.interrupted", utterance_id: "v", text: "Four", heard_text: "" },
  );
  assert.deepEqual(
    call.transcript.map(({ text, cut }) => [text, cut]),
    [["One two three", "One"]],
  );
});

test("captions of a person's call are theirs", () => {
  const call = told({ type: "call.incoming", peer: "bob", line: "direct" }, { type: "call.speech", text: "hi", times });
  assert.deepEqual(spoken(call), ["them: hi"]);
});

test("a call from ringing to its report", () => {
  const call = told(
    { type: "call.ringing", peer: "direct:bob", line: "direct" },
    {
      type: "call.connected",
      peer: "direct:bob",
      line: "direct",
      direction: "outgoing",
      emoji: ["🐶"],
      verified: true,
    },
    { type: "call.bridged", to: "page" },
    { type: "call.reconnecting", quiet_ms: 3_000 },
    { type: "call.reconnected", gap_ms: 4_200 },
    { type: "call.ended", reason: "hangup-user", detail: "the peer hung up", duration: 7, report },
  );
  assert.equal(call.status, "ended");
  assert.equal(call.connectedAt, 10_000);
  assert.equal(call.bridgedTo, null);
  assert.deepEqual(spoken(call), ["note: The connection was gone for 4.2 s."]);
});

test("events of no call, and events that are not known, change nothing", () => {
  const calls = new Calls();
  assert.equal(calls.apply({ type: "line.notice", call_id: "" }), null);
  calls.apply({ type: "call.of_the_future", call_id: "2" });
  assert.deepEqual(calls.get("2").transcript, []);
});

test("a call that the daemon does not know any more is over", () => {
  const calls = new Calls();
  calls.load([status], [], 10_000);
  assert.equal(calls.get("1").connectedAt, 5_000);
  calls.load([]);
  assert.equal(calls.get("1").status, "ended");
  assert.match(calls.get("1").detail, /restarted/);
});

test("an event that overtakes the list of calls counts", () => {
  const calls = new Calls();
  calls.load([status]);
  const asked = calls.live();
  calls.apply({ type: "call.ended", call_id: "1", report, reason: "busy", detail: "", duration: 0 });
  calls.apply({ type: "call.incoming", call_id: "2", peer: "ann", line: "direct" });
  calls.load([status], asked);
  assert.equal(calls.get("1").status, "ended");
  assert.equal(calls.get("2").status, "incoming");
});

test("old calls are forgotten, live ones never", () => {
  const calls = new Calls();
  calls.known("live");
  for (let number = 0; number < 500; number += 1) {
    calls.apply({ type: "call.ended", call_id: `old ${number}`, report, reason: "busy", detail: "", duration: 0 });
  }
  assert.ok(calls.all().length <= 202);
  assert.ok(calls.get("live"));
});
