// One WebRTC connection to the daemon: the page's sound in a call, kept on a path.

import { ask, Refused } from "./daemon.js";
import { heard } from "./quality.js";
import { answerOf, fragmentOf, offerOf, Told } from "./sdp.js";

const GATHER_MS = 300; // what is found later follows
const LOOK_MS = 500;
const QUIET_MS = 2_500; // the daemon asks at least every 1.2 s
const ATTEMPT_MS = 5_000;
const PAUSE_MS = 500;
const LOST_MS = 30_000; // the daemon waits as long

/**
 * `onRemote` gets the far stream, `onState` "connecting", "connected", "shaky" (the path is lost, and another one is
 * looked for) or "lost" (for good).
 */
export class Leg {
  #pc;
  #token;
  #sender;
  #location = null; // of this leg at the daemon
  #muted = false;
  #toldMuted = false;
  #abort = new AbortController();
  #looking = 0;
  #counted = 0;
  #heardAt = Infinity;
  #finding = false;
  #restartedAt = -Infinity;
  #closed = false;

  constructor(stream, token, { onRemote, onState }) {
    this.stream = stream;
    this.onState = onState;
    this.#token = token;
    this.#pc = new RTCPeerConnection();
    this.#sender = this.#pc.addTrack(stream.getAudioTracks()[0], stream);
    this.#pc.ontrack = (event) => onRemote(event.streams[0] ?? new MediaStream([event.track]));
    this.#pc.onconnectionstatechange = () => this.#changed();
  }

  /**
   * Offer ourselves at `path`; gives the id of the call. Rejects with `Refused`, or an `AbortError` after `close`, which
   * withdraws what rings. With `begins` the post itself begins a call, and only its answer says which: once it is on
   * its way the id is given also after `close`, for that call has to be hung up.
   */
  async offer(path, begins) {
    await this.#learnServers();
    await this.#pc.setLocalDescription();
    await this.#gathered();
    this.#abort.signal.throwIfAborted();
    const told = new Told();
    const { headers, body } = await this.#ask("POST", path, {
      headers: { "Content-Type": "application/sdp" },
      body: offerOf(this.#pc.localDescription.sdp, told, this.#complete),
      wait: null,
      signal: begins ? null : this.#abort.signal,
    });
    const callId = headers.get("Hullo-Call-Id");
    if (this.#closed) return callId;
    this.#location = headers.get("Location");
    await this.#pc.setRemoteDescription({ type: "answer", sdp: body });
    this.#follow(headers.get("ETag"), told);
    const dtls = this.#sender.transport;
    dtls.addEventListener("statechange", () => dtls.state === "closed" && this.#lost());
    this.#tellMuted();
    return callId;
  }

  /** While muted no packet leaves: the track is taken off the connection. The daemon is told that it is meant. */
  async mute(muted) {
    this.#muted = muted;
    await this.#sender.replaceTrack(muted ? null : this.stream.getAudioTracks()[0]);
    this.#tellMuted();
  }

  /** Go on with another microphone. */
  async use(stream) {
    this.stop();
    this.stream = stream;
    await this.#sender.replaceTrack(this.#muted ? null : stream.getAudioTracks()[0]);
  }

  stats() {
    return this.#pc.getStats();
  }

  /** The path is lost, somebody says: look for another one, unless that is being done or was done just now. */
  async recover() {
    const justNow = performance.now() - this.#restartedAt < ATTEMPT_MS;
    if (this.#finding || justNow || this.#closed || this.#heardAt === Infinity) return;
    this.#finding = true;
    this.onState("shaky");
    const since = performance.now();
    while (!this.#closed && this.#heardAt <= since) {
      if (performance.now() - since > LOST_MS) return this.#lost();
      try {
        await this.#restart();
        await this.#until(() => this.#heardAt > since, ATTEMPT_MS);
      } catch (error) {
        if (error instanceof Refused && error.status === 404) return this.#lost(); // the daemon gave it up
        await this.#until(() => this.#heardAt > since, PAUSE_MS);
      }
    }
    this.#finding = false;
    if (!this.#closed) this.onState("connected");
    this.#tellMuted();
  }

  close() {
    this.#closed = true;
    clearInterval(this.#looking);
    this.#abort.abort();
    this.#pc.close();
    this.stop();
  }

  stop() {
    for (const track of this.stream.getTracks()) track.stop();
  }

  /** Also shows whether there is a network to look for a path in. */
  async #learnServers() {
    const { body } = await this.#ask("GET", "/ice");
    this.#pc.setConfiguration(JSON.parse(body));
  }

  async #restart() {
    this.#pc.onicecandidate = null;
    await this.#learnServers();
    this.#restartedAt = performance.now();
    const agreed = this.#pc.currentRemoteDescription.sdp;
    this.#pc.restartIce();
    await this.#pc.setLocalDescription();
    try {
      await this.#gathered();
      const told = new Told();
      const { headers, body } = await this.#patch("*", told);
      await this.#pc.setRemoteDescription({ type: "answer", sdp: answerOf(agreed, body) });
      this.#follow(headers.get("ETag"), told);
    } catch (error) {
      if (this.#pc.signalingState === "have-local-offer") await this.#pc.setLocalDescription({ type: "rollback" });
      throw error;
    }
  }

  /** Tell the candidates that were found since, and those that will be. */
  #follow(session, told) {
    const tell = () => told.complete || this.#patch(session, told).catch(() => {}); // the session may be over by now
    this.#pc.onicecandidate = tell;
    tell();
  }

  #patch(session, told) {
    return this.#ask("PATCH", this.#location, {
      headers: { "Content-Type": "application/trickle-ice-sdpfrag", "If-Match": session },
      body: fragmentOf(this.#pc.localDescription.sdp, told, this.#complete),
    });
  }

  async #tellMuted() {
    const muted = this.#muted;
    if (!this.#location || muted === this.#toldMuted) return;
    try {
      await this.#ask("PUT", `${this.#location}/muted`, { body: JSON.stringify({ muted }) });
      this.#toldMuted = muted;
    } catch {
      return; // told again when there is a path again
    }
    this.#tellMuted(); // it may have changed meanwhile
  }

  #ask(method, path, options = {}) {
    return ask(method, path, this.#token, { signal: this.#abort.signal, ...options });
  }

  get #complete() {
    return this.#pc.iceGatheringState === "complete";
  }

  #gathered() {
    return new Promise((resolve) => {
      const check = () => this.#complete && resolve();
      this.#pc.onicegatheringstatechange = check;
      setTimeout(resolve, GATHER_MS);
      check();
    });
  }

  async #until(condition, wait) {
    const end = performance.now() + wait;
    while (!this.#closed && !condition() && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  #changed() {
    const state = this.#pc.connectionState;
    if (state === "connected" && this.#heardAt === Infinity) {
      this.#heardAt = performance.now();
      this.#looking = setInterval(() => this.#look(), LOOK_MS);
      this.onState("connected");
    } else if (state === "failed" && this.#heardAt === Infinity) this.#lost();
    else if (state === "failed" || state === "disconnected") this.recover();
  }

  /** Browsers notice late that nothing comes any more. */
  async #look() {
    const counted = heard(await this.#pc.getStats());
    if (counted !== this.#counted) this.#heardAt = performance.now();
    this.#counted = counted;
    if (performance.now() - this.#heardAt > QUIET_MS) this.recover();
  }

  #lost() {
    if (!this.#closed) this.onState("lost");
  }
}
