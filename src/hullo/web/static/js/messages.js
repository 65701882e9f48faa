// Voice messages: what has come and gone, played with a scrubber, and recorded.

import { avatar, byId, drawList, h, icon, setIcon } from "./dom.js";
import { Meter } from "./levels.js";
import { stopStream } from "./microphone.js";
import { drawWave } from "./wave.js";
import { duration, when } from "./words.js";

const SHOWN = 50;
const STEP = 0.05; // of the whole, for a press of an arrow key
const DELIVERIES = { sending: "Being sent", sent: "Sent", delivered: "Delivered", heard: "Heard", failed: "Not sent" };

export class Messages {
  /** Whether the daemon keeps messages at all. */
  on = false;
  #list = [];
  #player = new Audio();
  #playing = null; // { id, button, wave, message }
  #recording = null; // { recorder, stream, whole, to, timer }
  #meter = new Meter(byId("level-record"));

  constructor({ token, rpc, sound, onNotice, onChange }) {
    Object.assign(this, { token, rpc, sound, onNotice, onChange });
    byId("recorder-send").onclick = () => this.#send();
    byId("recorder-cancel").onclick = () => this.#putAway();
    this.#player.ontimeupdate = () => this.#showPosition();
    this.#player.onended = () => this.stop();
  }

  /** Ask for the list; a daemon without messages refuses. */
  async load() {
    try {
      this.#list = (await this.rpc.request("message.list", { limit: SHOWN })).reverse();
      this.on = true;
    } catch {
      this.on = false;
    }
    this.onChange();
  }

  happened(event) {
    if (event.type.startsWith("message.") && !["message.progress", "message.recording"].includes(event.type))
      this.load();
    if (event.type === "message.failed")
      this.onNotice(`A message could not be ${event.direction === "sent" ? "sent" : "had"}: ${event.detail}`);
  }

  draw() {
    byId("messages").hidden = !this.on;
    byId("no-messages").hidden = this.#list.length > 0 || this.#recording !== null;
    if (!this.#playing) drawList(byId("message-list"), this.#list, (message) => this.#row(message));
  }

  /** Be silent. */
  stop() {
    this.#player.pause();
    const was = this.#playing;
    this.#playing = null;
    if (!was) return;
    setIcon(was.button.firstElementChild, "play");
    was.button.ariaLabel = "Play";
    drawWave(was.wave, was.message.waveform, 0);
    if (this.#player.src) URL.revokeObjectURL(this.#player.src);
    this.onChange();
  }

  /** Begin to record a message for somebody. */
  async record(name, to) {
    this.#putAway();
    try {
      const recording = { to, ...recorded(await this.sound.open()) };
      this.#putAway(); // another one may have begun meanwhile
      this.#recording = recording;
      const began = Date.now();
      recording.timer = setInterval(
        () => (byId("recorder-time").textContent = duration((Date.now() - began) / 1000)),
        250,
      );
      recording.whole.then(() => this.#recording === recording && this.stopRecording());
      this.#meter.watch(recording.stream);
      byId("recorder-title").textContent = `Recording for ${name}`;
      byId("recorder-time").textContent = "0:00";
      byId("recorder").hidden = false;
      byId("recorder-send").focus();
    } catch (error) {
      this.onNotice(error.message);
    }
    this.onChange();
  }

  /** Hear no more: what was recorded waits to be sent. */
  stopRecording() {
    if (!this.#recording) return;
    const { recorder, stream, timer } = this.#recording;
    clearInterval(timer);
    this.#meter.stop();
    if (recorder.state !== "inactive") recorder.stop();
    stopStream(stream);
  }

  /** One that could not be sent stays, to be sent again. */
  async #send() {
    const recording = this.#recording;
    const button = byId("recorder-send");
    button.disabled = true;
    this.stopRecording();
    const { status, text } = await this.#post(recording.to, await recording.whole);
    button.disabled = false;
    if (status !== 201) this.onNotice(problem(text));
    else if (this.#recording === recording) this.#putAway();
    await this.load();
  }

  async #post(to, body) {
    try {
      const response = await fetch(`/messages?${new URLSearchParams({ to })}`, {
        method: "POST",
        headers: this.#headers(),
        body,
      });
      return { status: response.status, text: await response.text() };
    } catch {
      return { status: 0, text: "" };
    }
  }

  #putAway() {
    if (!this.#recording) return;
    this.stopRecording();
    this.#recording = null;
    byId("recorder").hidden = true;
    this.onChange();
  }

  #row(message) {
    const received = message.direction === "received";
    const name = message.peer?.replace(/^direct:/, "") ?? "A note";
    const how = message.delivery && !received ? ` · ${DELIVERIES[message.delivery]}` : "";
    const sub = `${received || !message.peer ? "" : "You · "}${duration(message.duration)} · ${when(Date.parse(message.created))}${how}`;
    const wave = h("canvas", {
      className: "wave",
      tabIndex: 0,
      role: "slider",
      ariaLabel: "Position",
      ariaValueMin: "0",
      ariaValueMax: String(Math.round(message.duration)),
      ariaValueNow: "0",
    });
    const button = h("button", { type: "button", className: "quiet icon", ariaLabel: "Play" }, icon("play"));
    button.onclick = () => this.#toggle(message, button, wave);
    wave.onpointerdown = (event) => this.#scrub(event, message, button, wave);
    wave.onkeydown = (event) => this.#key(event, message, button, wave);
    requestAnimationFrame(() => drawWave(wave, message.waveform, 0));
    const remove = h(
      "button",
      {
        type: "button",
        className: "plain",
        ariaLabel: `Delete the message of ${name}`,
        onclick: () => this.#delete(message),
      },
      icon("bin"),
    );
    const words = message.transcript ?? message.problem;
    const text = h(
      "div",
      { className: "text" },
      h("div", { className: "name" }, name),
      h("div", { className: "sub" }, sub),
      wave,
    );
    const item = h(
      "li",
      { className: received && !message.heard ? "new" : "" },
      avatar(name),
      text,
      button,
      remove,
      words ? h("p", { className: "words" }, words) : null,
    );
    return item;
  }

  async #toggle(message, button, wave, at = null) {
    if (this.#playing?.message === message && at === null) {
      if (this.#player.paused) await this.#player.play();
      else this.#player.pause();
    } else if (this.#playing?.message === message) this.#player.currentTime = at * message.duration;
    else await this.#play(message, button, wave, at ?? 0);
    const paused = this.#player.paused;
    setIcon(button.firstElementChild, paused ? "play" : "pause");
    button.ariaLabel = paused ? "Play" : "Pause";
  }

  async #play(message, button, wave, at) {
    this.stop();
    const sound = await this.#fetch(message.message_id);
    if (!sound) return;
    this.stop(); // another one may have begun meanwhile
    this.#playing = { message, button, wave };
    this.#player.src = URL.createObjectURL(sound);
    await this.sound.route(this.#player);
    this.#player.currentTime = at * message.duration;
    await this.#player.play();
    if (message.direction === "received" && !message.heard)
      await this.rpc.request("message.mark_heard", { message_id: message.message_id }).catch(() => {});
  }

  /** Null, and a notice, when it can't be had. */
  async #fetch(id) {
    let words = "";
    try {
      const response = await fetch(`/messages/${id}`, { headers: this.#headers() });
      if (response.ok) return await response.blob();
      words = await response.text();
    } catch {
      // nobody answered
    }
    this.onNotice(problem(words));
    return null;
  }

  #showPosition() {
    if (!this.#playing) return;
    const { message, wave } = this.#playing;
    drawWave(wave, message.waveform, this.#player.currentTime / message.duration);
    wave.ariaValueNow = String(Math.round(this.#player.currentTime));
    wave.ariaValueText = `${duration(this.#player.currentTime)} of ${duration(message.duration)}`;
  }

  #scrub(event, message, button, wave) {
    const box = wave.getBoundingClientRect();
    const at = (moved) => Math.min(Math.max((moved.clientX - box.left) / box.width, 0), 1);
    wave.setPointerCapture(event.pointerId);
    wave.onpointermove = (moved) => drawWave(wave, message.waveform, at(moved));
    wave.onpointerup = (moved) => {
      wave.onpointermove = wave.onpointerup = null;
      this.#toggle(message, button, wave, at(moved));
    };
  }

  #key(event, message, button, wave) {
    const now = this.#playing?.message === message ? this.#player.currentTime / message.duration : 0;
    const to = {
      ArrowRight: now + STEP,
      ArrowUp: now + STEP,
      ArrowLeft: now - STEP,
      ArrowDown: now - STEP,
      Home: 0,
      End: 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.#toggle(message, button, wave, Math.min(Math.max(to, 0), 0.999));
  }

  async #delete(message) {
    if (this.#playing?.message === message) this.stop();
    await this.rpc
      .request("message.delete", { message_id: message.message_id })
      .catch((error) => this.onNotice(error.message));
    await this.load();
  }

  #headers() {
    return { Authorization: `Bearer ${this.token}` };
  }
}

/** Record a stream until its recorder is stopped, or its microphone is gone: `whole` is there then. */
function recorded(stream) {
  try {
    const recorder = new MediaRecorder(stream, { audioBitsPerSecond: 32_000 });
    const pieces = [];
    recorder.ondataavailable = (event) => pieces.push(event.data);
    const whole = new Promise((resolve) => (recorder.onstop = () => resolve(new Blob(pieces))));
    recorder.start(1_000);
    return { recorder, stream, whole };
  } catch (error) {
    stopStream(stream);
    throw error;
  }
}

function problem(body) {
  try {
    const { detail, remedy } = JSON.parse(body);
    return `${detail}\n${remedy}`;
  } catch {
    return "The daemon can't be reached right now.";
  }
}
