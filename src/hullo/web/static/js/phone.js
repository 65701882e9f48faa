// The call that this page is in: its leg, its microphone, and how it comes back when it was lost.

import { Refused } from "./daemon.js";
import { Leg } from "./leg.js";
import { stopStream } from "./microphone.js";
import { sample, through } from "./quality.js";

const HELD = "hullo.held";
const RETRY_MS = 1_000;
const RETRIES = 14; // the daemon waits 15 s for a page that is gone
const SAMPLE_MS = 1_000;

/** One call of this page. `reach` is "connecting", "connected", "shaky", "lost"; `callId` is null until it is known. */
class Session {
  callId = null;
  leg = null;
  reach = "connecting";
  muted = false;
  captions = false;
  over = false;
  hungUp = false;
  samples = [];
  expected = 0; // bridges that we asked for and were not told of yet

  constructor(agent, again) {
    this.agent = agent;
    this.again = again;
    this.startedAt = performance.now();
  }
}

/** `onChange` is called when something is to be drawn, `onNotice` with what the person should know. */
export class Phone {
  session = null;
  #token;
  #timer = 0;
  #toHangUp = new Set(); // ids of calls that are to be hung up as soon as the daemon can be told

  constructor({ token, rpc, calls, sound, far, onChange, onNotice, onRemote }) {
    this.#token = token;
    Object.assign(this, { rpc, calls, sound, far, onChange, onNotice, onRemote });
  }

  /** The call of the session as the daemon tells of it, if it is known. */
  get call() {
    return this.session?.callId ? this.calls.get(this.session.callId) : undefined;
  }

  get busy() {
    return this.session !== null && !this.session.over;
  }

  callAgent() {
    return this.#begin(new Session(true, () => this.callAgent()), "/calls");
  }

  callPerson(to) {
    return this.#begin(new Session(false, () => this.callPerson(to)), `/calls?${new URLSearchParams({ to })}`);
  }

  /** Be the person in a call that is there: one that rings is answered, one of the agent is taken over. */
  async take(id) {
    const call = this.calls.get(id);
    const rings = call?.status === "incoming";
    const session = new Session(false, call ? () => this.callPerson(address(call)) : null);
    session.callId = id;
    const joined = await this.#begin(session, `/calls/${encodeURIComponent(id)}`);
    if (joined && rings) await this.#ask("call.accept", { call_id: id });
  }

  /** Come back to the call that this tab held before it was loaded again. */
  async resume() {
    const id = sessionStorage.getItem(HELD);
    const call = id && this.calls.get(id);
    if (!this.busy && call && call.status !== "ended" && call.bridgedTo === "page") await this.take(id);
  }

  async hangUp() {
    const session = this.session;
    if (!session) return;
    session.hungUp = true;
    const told = session.callId === null || (await this.#hangUp(session.callId));
    if (session.over || (told && session.callId && !session.agent)) return; // over, or the daemon says when
    if (!told) this.session = null;
    this.#finish(session);
  }

  async mute(muted) {
    const session = this.session;
    session.muted = muted;
    this.onChange();
    await session.leg?.mute(muted);
    if (!session.agent && session.callId) await this.#ask("call.mute", { muted, call_id: session.callId });
  }

  async setCaptions(enabled) {
    const session = this.session;
    if (await this.#ask("call.listen", { enabled, call_id: session.callId })) session.captions = enabled;
    this.onChange();
  }

  /** Go on with the microphone that is chosen now. */
  async changeMicrophone() {
    const session = this.session;
    if (!session?.leg || session.over) return;
    const stream = await this.sound.open();
    if (session.over || session.reach === "lost") return stopStream(stream);
    await session.leg.use(stream);
    this.#watch(session, stream);
    this.onChange();
  }

  /** Forget the call that is over. */
  dismiss() {
    if (this.session?.over) this.session = null;
    this.onChange();
  }

  /** The page goes: the agent is told, a person's call waits for the page to come back. */
  leave() {
    if (this.session?.agent) this.session.leg?.close();
  }

  /** Told of every event, after the calls were. */
  happened(event) {
    const session = this.session;
    if (!session || event.call_id !== session.callId || session.over) return;
    if (event.type === "call.ended") this.#finish(session);
    else if (event.type === "call.bridged" && !session.agent) this.#bridged(session, event);
    else if (event.type === "call.reconnecting" && session.agent) session.leg?.recover(); // we are the far end
  }

  /** Told when the calls were loaded anew, after a gap in which anything may have happened. */
  caughtUp() {
    const call = this.call;
    if (this.busy && this.session.callId && (!call || call.status === "ended")) this.#finish(this.session);
    const live = new Set(this.calls.live().map(({ id }) => id));
    const asked = [...this.#toHangUp];
    this.#toHangUp.clear();
    for (const id of asked) if (live.has(id)) this.#hangUp(id);
  }

  async #begin(session, path) {
    if (this.busy) {
      this.onNotice("You are in a call: hang up first.");
      return false;
    }
    this.session = session;
    this.onChange();
    try {
      await this.#connect(session, path);
      if (!session.over) this.#timer = setInterval(() => this.#sample(session), SAMPLE_MS);
    } catch (error) {
      if (session !== this.session || session.over) return false;
      this.session = null;
      session.leg?.close();
      this.onNotice(words(error));
    }
    this.onChange();
    return this.session === session;
  }

  async #connect(session, path) {
    const stream = await this.sound.open();
    if (session.over) return stopStream(stream);
    const leg = new Leg(stream, this.#token, {
      onRemote: (remote) => this.#heard(remote),
      onState: (state) => leg === session.leg && this.#reached(session, state),
    });
    session.leg = leg;
    this.#watch(session, stream);
    session.expected += session.agent ? 0 : 1;
    const begins = !session.agent && session.callId === null;
    session.callId = (await leg.offer(path, begins)) || session.callId;
    if (session.over) {
      leg.close();
      if (begins) await this.#hangUp(session.callId); // it was hung up before it was known
      return;
    }
    if (session.muted) await leg.mute(true);
    if (!session.agent) sessionStorage.setItem(HELD, session.callId);
    if (this.call?.status === "ended") this.#finish(session);
  }

  async #heard(remote) {
    this.far.srcObject = remote;
    this.onRemote(remote);
    await this.sound.route(this.far);
    await this.far.play().catch(() => this.onNotice("Click anywhere to hear the call: the browser waits for that."));
  }

  /** When a microphone is unplugged the browser only ends its track. */
  #watch(session, stream) {
    stream.getAudioTracks()[0].onended = async () => {
      try {
        await this.changeMicrophone();
        this.onNotice("Your microphone was unplugged; another one is used now.");
      } catch (error) {
        this.onNotice(words(error));
      }
    };
  }

  #reached(session, state) {
    session.reach = state;
    this.rpc.check(); // where sound does not come through, it may not either
    this.onChange();
    if (state === "lost" && !session.over) this.#comeBack(session);
  }

  /** A person's call goes on without us for a while: join it again. An agent's call is this connection, and ends. */
  async #comeBack(session) {
    session.leg.close();
    for (let tries = 0; tries < RETRIES && !session.over; tries += 1) {
      if (!session.agent) {
        try {
          await this.#connect(session, `/calls/${encodeURIComponent(session.callId)}`);
          if (session.captions) await this.setCaptions(true); // who takes a call begins without
          return;
        } catch (error) {
          session.leg.close();
          session.expected = 0;
          if (error instanceof Refused && error.status === 409) break;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    if (!session.over) this.#finish(session);
  }

  #bridged(session, event) {
    if (event.to === "page" && session.expected > 0) {
      session.expected -= 1;
      return;
    }
    this.#finish(session);
    this.session = null;
    this.onNotice(
      event.to === "page" ? "The call goes on in another window." : "The call was connected to somebody else.",
    );
    this.onChange();
  }

  #finish(session) {
    session.over = true;
    clearInterval(this.#timer);
    session.leg?.close();
    this.far.srcObject = null;
    sessionStorage.removeItem(HELD);
    if (!session.callId && this.session === session) this.session = null;
    this.onChange();
  }

  async #sample(session) {
    if (session.over || session.reach !== "connected") return;
    if (session.agent && this.call?.status === "reconnecting") session.leg.recover(); // we are what it does not hear
    const stats = await session.leg.stats();
    const at = (performance.now() - session.startedAt) / 1000;
    const near = sample(stats, session.samples.at(-1)?.totals, at);
    session.samples.push(session.agent ? near : through(near, this.call?.stats));
    this.onChange();
  }

  async #hangUp(id) {
    this.#toHangUp.add(id);
    const told = await this.#ask("call.hangup", { call_id: id });
    if (told) this.#toHangUp.delete(id);
    return told;
  }

  async #ask(method, params) {
    try {
      await this.rpc.request(method, params);
      return true;
    } catch (error) {
      this.onNotice(words(error));
      return false;
    }
  }
}

/** What to dial to call the peer of a call back. */
export function address(call) {
  return call.line === "direct" && !call.peer.startsWith("direct:") ? `direct:${call.peer}` : call.peer;
}

function words(error) {
  return error.hint ? `${error.message}\n${error.hint}` : error.message;
}
