// Microphones that come late, and tones that wait for the first click.

import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { element, Microphones, Node, settled } from "./browser.mjs";

const { ringTone } = await import("../../../src/hullo/web/static/js/levels.js");
const { Phone } = await import("../../../src/hullo/web/static/js/phone.js");
const { Settings } = await import("../../../src/hullo/web/static/js/settings.js");

test("of two microphones that were asked for in a row one stays open, and none after the dialog", async () => {
  const sound = new Microphones();
  const settings = new Settings(sound, { onMicrophone: () => {}, onSpeaker: () => {} });
  settings.open();
  element("microphone").onchange({ target: { value: "other" } });
  await sound.give();
  await sound.give();
  assert.equal(sound.live, 1);
  element("settings").close();
  assert.equal(sound.live, 0);
});

test("a microphone that is there only after the call is let go", async () => {
  const sound = new Microphones();
  const phone = new Phone({ sound, onChange: () => {}, onNotice: () => {} });
  phone.session = { leg: { use: () => assert.fail("the call is over") }, over: false, reach: "connected" };
  const changed = phone.changeMicrophone();
  phone.session.over = true;
  await sound.give();
  await changed;
  assert.equal(sound.live, 0);
});

test("rings that nobody could hear before the first click do not sound all at once then", async () => {
  mock.timers.enable({ apis: ["setInterval"] });
  Node.connected.clear();
  ringTone.start();
  mock.timers.tick(30_000);
  const patterns = [...Node.connected].filter((node) => "value" in node.gain);
  assert.equal(patterns.length, 1);
  ringTone.stop();
  mock.timers.reset();
  await settled();
});
