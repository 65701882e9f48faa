// The page: what it knows, what it shows, and what connects the two.

import { Calls } from "./calls.js";
import { byId, initial } from "./dom.js";
import { Ended } from "./ended.js";
import { Home } from "./home.js";
import { InCall } from "./incall.js";
import { ringTone } from "./levels.js";
import { Messages } from "./messages.js";
import { Sound } from "./microphone.js";
import { Phone } from "./phone.js";
import { isWelcome, Rpc } from "./rpc.js";
import { Settings } from "./settings.js";
import { isAgent, lineName, nameOf } from "./words.js";

const TOKEN = "hullo.token";
const SECRET = /^[\w.~-]{16,}$/;
const LINK_WORDS = { connecting: "Connecting…", open: "Ready", closed: "The daemon is not there. Trying again…" };
const STRANGER =
  "This page was opened without its secret, or with an old one.\nRun hullo web, and open the address that it prints.";

const calls = new Calls();
const sound = new Sound();
let link = "connecting";
let hears = false;
let people = { contacts: [], missed: [] };
let lines = [];
let past = []; // calls that ended, also under daemons before this one
let shownReport = null; // the id of a call of the history
let screen = "";

const token = takeToken();
const rpc = new Rpc(token, { onState: linkChanged, onEvent: happened });
const phone = new Phone({
  token,
  rpc,
  calls,
  sound,
  far: byId("far"),
  onChange: draw,
  onNotice: notice,
  onRemote: (stream) => inCall.heard(stream),
});
const messages = new Messages({ token, rpc, sound, onNotice: notice, onChange: draw });
const inCall = new InCall(phone, { canListen: () => hears, isLinked: () => link === "open" });
const ended = new Ended({ again: callAgain, done: leaveReport });
const home = new Home({
  callAgent: () => begin(() => phone.callAgent()),
  callPerson: (to) => begin(() => phone.callPerson(to)),
  take: (id) => begin(() => phone.take(id)),
  hangUp: (id) => ask("call.hangup", { call_id: id }),
  showReport,
  canRecord: () => messages.on,
  record: (person) => messages.record(person, `direct:${person}`),
});
new Settings(sound, { onMicrophone: () => phone.changeMicrophone(), onSpeaker: () => sound.route(byId("far")) });

byId("notice").querySelector("button").onclick = () => notice("");
byId("ringing").onclick = (event) => answerRing(event.target.closest("button")?.dataset.do);
addEventListener("keydown", shortcut);
addEventListener("pagehide", () => phone.leave());
navigator.mediaDevices?.addEventListener("devicechange", () => sound.route(byId("far")));
draw();
rpc.connect();
globalThis.hulloPhone = phone; // for the console, and for tests

/** The secret comes in the fragment, which is sent to nobody. Once it was right it is kept for the next time. */
function takeToken() {
  const given = location.hash.slice(1);
  if (given) history.replaceState(null, "", location.pathname);
  return SECRET.test(given) ? given : (localStorage.getItem(TOKEN) ?? "none");
}

async function linkChanged(state) {
  link = state;
  byId("link").dataset.state = state;
  byId("link").textContent = LINK_WORDS[state];
  draw();
  if (state === "open") {
    localStorage.setItem(TOKEN, token);
    await catchUp();
  }
  if (state === "closed" && !(await isWelcome(token))) notice(STRANGER);
}

/** Ask for everything that happened while nobody told us. */
async function catchUp() {
  try {
    const asked = calls.live();
    const [health, history] = await Promise.all([
      rpc.request("health"),
      rpc.request("history.list"),
      rpc.request("call.list").then((statuses) => calls.load(statuses, asked)), // before any later event
    ]);
    past = history;
    lines = health.lines;
    hears = health.speech.recogniser === "running";
    people = lines.some((line) => line.name === "direct") ? await rpc.request("contact.list") : people;
    await messages.load();
    if (byId("notice").dataset.text === STRANGER) notice("");
    phone.caughtUp();
    draw();
    await phone.resume();
  } catch (error) {
    if (link === "open") notice(error.message); // else it is asked again
  }
}

async function happened(event) {
  calls.apply(event);
  phone.happened(event);
  draw();
  messages.happened(event);
  if (event.type === "line.notice") {
    people = await rpc.request("contact.list").catch(() => people);
    draw();
  }
}

async function begin(action) {
  notice("");
  messages.stop();
  messages.stopRecording();
  shownReport = null;
  if (!phone.busy) phone.dismiss();
  await action();
}

async function ask(method, params) {
  try {
    await rpc.request(method, params);
  } catch (error) {
    notice(error.hint ? `${error.message}\n${error.hint}` : error.message);
  }
}

function ringing() {
  return calls.live().find((call) => call.status === "incoming" && !isAgent(call) && call.id !== phone.session?.callId);
}

function answerRing(what) {
  const call = ringing();
  if (!call || !what) return;
  if (what === "answer") begin(() => phone.take(call.id));
  else ask(what === "decline" ? "call.reject" : "call.accept", { call_id: call.id });
}

async function showReport(id) {
  const call = calls.get(id);
  try {
    call.report ??= await rpc.request("call.report", { call_id: id });
  } catch (error) {
    notice(error.message);
  }
  shownReport = id;
  draw();
}

function callAgain(call) {
  const { session } = phone;
  if (session && session.again && session.callId === call.id) begin(session.again);
  else if (isAgent(call)) begin(() => phone.callAgent());
  else begin(() => phone.callPerson(call.line === "direct" ? `direct:${call.peer}` : call.peer));
}

function leaveReport() {
  shownReport = null;
  phone.dismiss();
  draw();
}

function shortcut(event) {
  const typing = event.target.closest("input, select, dialog");
  if (event.key === "m" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey && phone.busy)
    phone.mute(!phone.session.muted);
}

function notice(text) {
  const box = byId("notice");
  box.hidden = !text;
  box.dataset.text = text;
  box.firstElementChild.textContent = text;
}

function draw() {
  const over = shownReport ? calls.get(shownReport) : phone.session?.over ? phone.call : null;
  const next = phone.busy ? "call" : over ? "ended" : "home";
  for (const id of ["home", "call", "ended"]) byId(id).hidden = id !== next;
  if (next === "call") inCall.draw();
  else if (next === "ended") ended.draw(over, phone.call === over ? phone.session : null);
  else {
    home.drawPeople(people, lines);
    home.drawCalls(calls.all(), past, people.missed);
    messages.draw();
  }
  if (next !== screen) changeScreen(next);
  drawRinging();
}

function changeScreen(next) {
  const before = screen;
  screen = next;
  if (before === "call") inCall.leave();
  if (before === "ended") ended.leave();
  if (before) byId({ home: "call-agent", call: "peer", ended: "ended-title" }[next]).focus({ preventScroll: true });
  scrollTo(0, 0);
}

function drawRinging() {
  const call = ringing();
  byId("ringing").hidden = !call;
  document.title = call ? `${nameOf(call)} calls` : phone.busy ? "In a call · hullo" : "hullo";
  if (!call) {
    ringTone.stop();
    return;
  }
  const title = `${nameOf(call)} calls`;
  if (byId("ringing-title").textContent !== title) byId("ringing-title").textContent = title;
  byId("ringing").querySelector(".avatar").textContent = initial(nameOf(call));
  byId("ringing-line").textContent = lineName(call.line);
  byId("ringing").querySelector("[data-do=agent]").hidden = !hears;
  byId("ringing").querySelector("[data-do=answer]").disabled = phone.busy;
  ringTone.start();
}
