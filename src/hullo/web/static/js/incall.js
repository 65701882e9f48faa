// What is shown during a call.

import { byId, h, initial, setIcon } from "./dom.js";
import { Meter, ringBackTone } from "./levels.js";
import { Plots } from "./plots.js";
import { grade } from "./quality.js";
import { drawTranscript } from "./transcript.js";
import { duration, figures, GRADES, lineName, nameOf } from "./words.js";

const SHOWN_SAMPLES = 180;
const WAITING = { dialing: "Calling…", ringing: "Ringing…", incoming: "Answering…", connecting: "Connecting…" };

export class InCall {
  #plots = new Plots(byId("plot-delay"), byId("plot-loss"));
  #you = new Meter(byId("level-you"));
  #them = new Meter(byId("level-them"));
  #stream = null;
  #drawn = 0;

  /** `phone` does what the buttons say; `canListen` tells whether the daemon can make captions; `isLinked` whether it is there. */
  constructor(phone, { canListen, isLinked }) {
    Object.assign(this, { phone, canListen, isLinked });
    byId("mute").onclick = () => phone.mute(!phone.session.muted);
    byId("captions").onclick = () => phone.setCaptions(!phone.session.captions);
    byId("hangup").onclick = () => phone.hangUp();
    byId("hush").onclick = () => phone.rpc.request("call.interrupt", { call_id: phone.session.callId }).catch(() => {});
    setInterval(() => phone.busy && this.#drawState(), 500);
  }

  /** The far stream has come. */
  heard(stream) {
    this.#them.watch(stream);
  }

  draw() {
    const { session, call } = this.phone;
    const name = session.agent ? "Agent" : call ? nameOf(call) : "…";
    byId("peer").textContent = name;
    byId("call").querySelector(".avatar").textContent = initial(name);
    byId("meter-them").textContent = session.agent ? "Agent" : "Them";
    this.#drawState();
    this.#drawEmoji(call);
    this.#drawButtons(session, call);
    this.#drawQuality(session, call);
    byId("call").classList.toggle("alone", !session.agent && !call?.transcript.length && !session.captions);
    const hint = session.agent ? "Say something." : "What they say appears here.";
    drawTranscript(
      byId("transcript"),
      byId("no-transcript"),
      call?.transcript ?? [],
      call?.status === "active" ? hint : "",
    );
    if (session.leg && session.leg.stream !== this.#stream) {
      this.#stream = session.leg.stream;
      this.#you.watch(this.#stream);
    }
    const rings = !session.agent && (call?.status === "dialing" || call?.status === "ringing");
    if (rings) ringBackTone.start();
    else ringBackTone.stop();
  }

  /** The call is over. */
  leave() {
    this.#you.stop();
    this.#them.stop();
    this.#plots.clear();
    this.#stream = null;
    this.#drawn = 0;
    ringBackTone.stop();
  }

  #drawState() {
    const { session, call } = this.phone;
    const [text, tone] = this.#state(session, call);
    const state = byId("state");
    if (state.textContent !== text) state.textContent = text;
    state.dataset.tone = tone;
    // A timer that is read out every second would drown everything else.
    state.setAttribute("aria-live", call?.status === "active" && tone === "" ? "off" : "polite");
  }

  #state(session, call) {
    if (session.callId && session.reach !== "connected" && call?.status === "active") return ["Reconnecting…", "warn"];
    if (!this.isLinked() && session.callId) return ["Reconnecting to the daemon…", "warn"];
    if (call?.status === "reconnecting") return ["Reconnecting…", "warn"];
    if (call?.status !== "active") return [WAITING[call?.status ?? "dialing"], ""];
    const notes = [duration((Date.now() - call.connectedAt) / 1000)];
    if (!session.agent) notes.push(lineName(call.line));
    if (call.verified) notes.push("verified");
    if (call.peerMuted && !session.agent) notes.push("they are muted");
    if (session.muted) notes.push("you are muted");
    return [notes.join(" · "), ""];
  }

  #drawEmoji(call) {
    const emoji = byId("emoji");
    emoji.hidden = !call?.emoji;
    if (call?.emoji && !emoji.childElementCount) {
      emoji.append(
        h("b", {}, call.emoji.join(" ")),
        h("span", { className: "soft small" }, "Compare these with them: the same means nobody is in between."),
      );
    }
    if (!call?.emoji) emoji.replaceChildren();
  }

  #drawButtons(session, call) {
    const mute = byId("mute");
    mute.setAttribute("aria-pressed", session.muted);
    mute.lastElementChild.textContent = session.muted ? "Unmute" : "Mute";
    setIcon(mute.firstElementChild, session.muted ? "mic-off" : "mic");
    byId("captions").hidden = session.agent || !this.canListen() || call?.status !== "active";
    byId("captions").setAttribute("aria-pressed", session.captions);
    byId("hush").hidden = !session.agent;
  }

  #drawQuality(session, call) {
    const last = call?.connectedAt ? session.samples.at(-1) : null;
    byId("quality").hidden = !last;
    if (!last) return;
    const how = grade(last);
    byId("grade").dataset.grade = how;
    byId("grade").textContent = GRADES[how];
    byId("figures").textContent = figures(last);
    if (session.samples.length !== this.#drawn) {
      this.#drawn = session.samples.length;
      this.#plots.show(session.samples.slice(-SHOWN_SAMPLES));
    }
  }
}
