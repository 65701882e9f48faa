// Hanging up when the daemon can't be told.

import assert from "node:assert/strict";
import test from "node:test";

import { Calls } from "../../../src/hullo/web/static/js/calls.js";
import { Phone } from "../../../src/hullo/web/static/js/phone.js";

globalThis.sessionStorage = { removeItem() {} };

test("a call that can't be hung up now is left, and hung up when the daemon is there again", async () => {
  const asked = [];
  const calls = new Calls();
  const rpc = { gone: true };
  rpc.request = async (method, params) => {
    asked.push([method, params.call_id]);
    if (rpc.gone) throw new Error("The daemon can't be reached right now.");
  };
  const notices = [];
  const phone = new Phone({ rpc, calls, far: {}, onChange() {}, onNotice: (text) => notices.push(text) });
  calls.apply({ type: "call.ringing", call_id: "c", peer: "bob", line: "direct" });
  let closed = 0;
  phone.session = { callId: "c", agent: false, over: false, leg: { close: () => (closed += 1) } };

  await phone.hangUp();
  assert.equal(phone.session, null);
  assert.equal(closed, 1);
  assert.deepEqual(notices, ["The daemon can't be reached right now."]);

  rpc.gone = false;
  phone.caughtUp();
  await new Promise(setImmediate);
  phone.caughtUp(); // it has been told
  assert.deepEqual(asked, [["call.hangup", "c"], ["call.hangup", "c"]]);
});
