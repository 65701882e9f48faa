// How the page says things.

import assert from "node:assert/strict";
import { test } from "node:test";

import { duration, ending, farewell, figures, isMissed, nameOf } from "../../../src/hullo/web/static/js/words.js";

const call = {
  line: "direct",
  peer: "direct:bob",
  direction: "outgoing",
  status: "ended",
  duration: 3,
  reason: "hangup-user",
  detail: "the peer hung up",
};

test("durations", () => assert.deepEqual([0, 59.9, 61, 3_661].map(duration), ["0:00", "0:59", "1:01", "1:01:01"]));

test("who it was, and how it ended", () => {
  assert.equal(nameOf(call), "bob");
  assert.equal(nameOf({ line: "browser", peer: "page" }), "Agent");
  assert.equal(farewell(call, false), "bob hung up.");
  assert.equal(farewell(call, true), "You hung up.");
  assert.equal(ending({ ...call, reason: "busy" }), "Busy");
  assert.equal(farewell({ ...call, reason: "failed", detail: "no path was found" }, false), "No path was found.");
});

test("missed is what rang here and nobody took", () => {
  assert.ok(isMissed({ ...call, direction: "incoming", duration: 0, reason: "no-answer" }));
  assert.ok(!isMissed({ ...call, direction: "incoming", duration: 0, reason: "declined" }));
  assert.ok(!isMissed({ ...call, duration: 0, reason: "no-answer" }));
});

test("figures leave out what is not known", () => {
  assert.equal(figures({ roundTrip: 20.4, buffer: null, lossIn: 0, lossOut: 2 }), "20 ms round trip · 2.0 % lost");
});
