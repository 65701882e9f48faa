// Figures out of getStats().

import assert from "node:assert/strict";
import { test } from "node:test";

import { grade, heard, sample, through } from "../../../src/hullo/web/static/js/quality.js";

function stats(incoming, remote = {}) {
  return new Map([
    ["T", { type: "transport", selectedCandidatePairId: "P" }],
    ["P", { type: "candidate-pair", currentRoundTripTime: 0.03 }],
    ["I", { type: "inbound-rtp", kind: "audio", jitter: 0.002, ...incoming }],
    ["R", { type: "remote-inbound-rtp", kind: "audio", ...remote }],
  ]);
}

test("loss and buffer are those since the last sample", () => {
  const first = sample(
    stats({ packetsReceived: 100, packetsLost: 10, jitterBufferDelay: 4, jitterBufferEmittedCount: 100 }),
    undefined,
    1,
  );
  const second = sample(
    stats({ packetsReceived: 199, packetsLost: 11, jitterBufferDelay: 10, jitterBufferEmittedCount: 200 }),
    first.totals,
    2,
  );
  assert.equal(second.lossIn, 1);
  assert.equal(Math.round(second.buffer), 60);
  assert.equal(second.roundTrip, 30);
  assert.equal(second.lossOut, null);
});

test("what the far end reports counts more than the path's own checks", () => {
  const one = sample(stats({}, { roundTripTime: 0.2, fractionLost: 0.05 }), undefined, 1);
  assert.deepEqual([one.roundTrip, one.lossOut, one.lossIn, one.buffer], [200, 5, null, null]);
});

test("before anything was heard there is nothing to grade", () => {
  const nothing = sample(new Map(), undefined, 0);
  assert.equal(grade(nothing), "none");
});

test("the way on from the daemon is added", () => {
  const near = { roundTrip: 2, buffer: 40, lossIn: 0, lossOut: 0 };
  const far = { round_trip_ms: 180, buffer_ms: 60, remote_loss: 0.03 };
  assert.deepEqual(through(near, far), { roundTrip: 182, buffer: 100, lossIn: 0, lossOut: 3 });
  assert.equal(through(near, null), near);
});

test("grades", () => {
  const graded = (roundTrip, buffer, loss) => grade({ roundTrip, buffer, lossIn: loss, lossOut: 0 });
  assert.deepEqual(
    [graded(20, 40, 0), graded(300, 100, 0), graded(20, 40, 4), graded(800, 100, 0), graded(20, 40, 12)],
    ["good", "fair", "fair", "poor", "poor"],
  );
});

test("what has come grows with sound and with checks", () => {
  const counted = (packetsReceived, requestsReceived) =>
    heard(new Map([...stats({ packetsReceived }), ["P", { type: "candidate-pair", requestsReceived }]]));
  assert.ok(counted(10, 2) > counted(9, 2));
  assert.ok(counted(10, 3) > counted(10, 2));
  assert.equal(heard(new Map()), 0);
});
