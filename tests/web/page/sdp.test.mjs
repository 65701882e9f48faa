// What changes in a session description when ICE is restarted.

import assert from "node:assert/strict";
import { test } from "node:test";

import { answerOf, fragmentOf, offerOf, Told } from "../../../src/hullo/web/static/js/sdp.js";

const text = (...lines) => `${lines.join("\r\n")}\r\n`;
const HOST = "a=candidate:1 1 udp 2122260223 192.0.2.1 5000 typ host generation 0";
const RELAY = "a=candidate:2 1 udp 41885439 198.51.100.1 50000 typ relay raddr 0.0.0.0 rport 0";
const HEAD = ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0"];
const MEDIA = ["m=audio 5000 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 192.0.2.1"];
const REST = ["a=ice-ufrag:abcd", "a=ice-pwd:efghijklmnopqrstuvwxyz", "a=setup:actpass", "a=mid:0", "a=sendrecv"];

test("each candidate is told once, in the offer or in a fragment", () => {
  const told = new Told();
  const early = text(...HEAD, ...MEDIA, HOST, ...REST);
  assert.equal(offerOf(early, told, false), early);
  assert.equal(told.complete, false);
  const late = text(...HEAD, ...MEDIA, HOST, RELAY, ...REST);
  const credentials = [REST[0], REST[1], MEDIA[0], "a=mid:0"];
  assert.equal(fragmentOf(late, told, true), text(...credentials, RELAY, "a=end-of-candidates"));
  assert.equal(told.complete, true);
  assert.equal(fragmentOf(late, told, true), text(...credentials, "a=end-of-candidates"));
  assert.equal(offerOf(early, new Told(), true), `${early}a=end-of-candidates\r\n`);
});

test("an answer keeps everything but its ICE session, in its place", () => {
  const refused = ["m=video 0 UDP/TLS/RTP/SAVPF 96", "a=inactive", "a=mid:1"];
  const answer = text(...HEAD, ...MEDIA, HOST, "a=end-of-candidates", ...REST, ...refused);
  const fresh = ["a=ice-ufrag:wxyz", "a=ice-pwd:zyxwvutsrqponmlkjihgfe"];
  const fragment = text(...fresh, MEDIA[0], "a=mid:0", RELAY, "a=end-of-candidates");
  const expected = [...HEAD, ...MEDIA, ...fresh, RELAY, "a=end-of-candidates", ...REST.slice(2), ...refused];
  assert.equal(answerOf(answer, fragment), text(...expected));
});
