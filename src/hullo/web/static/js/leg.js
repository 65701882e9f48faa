// One WebRTC connection to the daemon: the page's sound in a call.

const GATHER_MS = 2_000;
const LOST_MS = 6_000;

/** The daemon said no; `hint` says what to do. `status` is that of HTTP, 0 if it was not reached. */
export class Refused extends Error {
  constructor(status, message, hint) {
    super(message);
    this.status = status;
    this.hint = hint;
  }
}

/**
 * `onRemote` gets the far stream, `onState` "connecting", "connected", "shaky" (the path is quiet) or "lost" (for good).
 */
export class Leg {
  #pc = new RTCPeerConnection();
  #sender;
  #abort = new AbortController();
  #timer = 0;
  #closed = false;

  constructor(stream, { onRemote, onState }) {
    this.stream = stream;
    this.onState = onState;
    this.#sender = this.#pc.addTrack(stream.getAudioTracks()[0], stream);
    this.#pc.ontrack = (event) => onRemote(event.streams[0] ?? new MediaStream([event.track]));
    this.#pc.onconnectionstatechange = () => this.#changed();
  }

  /** Offer ourselves at `path`; gives the id of the call. Rejects with `Refused`, or an `AbortError` after `close`. */
  async offer(path, token) {
    await this.#pc.setLocalDescription();
    await this.#gathered();
    const { status, id, answer } = await post(path, token, this.#pc.localDescription.sdp, this.#abort.signal);
    if (status !== 201) throw refusal(status, answer);
    await this.#pc.setRemoteDescription({ type: "answer", sdp: answer });
    const dtls = this.#sender.transport;
    dtls.addEventListener("statechange", () => dtls.state === "closed" && this.#lost());
    return id;
  }

  /** While muted no packet leaves: the track is taken off the connection. */
  async mute(muted) {
    await this.#sender.replaceTrack(muted ? null : this.stream.getAudioTracks()[0]);
  }

  /** Go on with another microphone. */
  async use(stream, muted) {
    this.stop();
    this.stream = stream;
    await this.mute(muted);
  }

  stats() {
    return this.#pc.getStats();
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#abort.abort();
    this.#pc.close();
    this.stop();
  }

  stop() {
    for (const track of this.stream.getTracks()) track.stop();
  }

  #gathered() {
    return new Promise((resolve) => {
      const check = () => this.#pc.iceGatheringState === "complete" && resolve();
      this.#pc.onicegatheringstatechange = check;
      setTimeout(resolve, GATHER_MS);
      check();
    });
  }

  #changed() {
    const state = this.#pc.connectionState;
    clearTimeout(this.#timer);
    if (state === "failed") this.#lost();
    else if (state === "disconnected") {
      this.onState("shaky");
      this.#timer = setTimeout(() => this.#lost(), LOST_MS);
    } else if (state === "connected") this.onState("connected");
  }

  #lost() {
    if (!this.#closed) this.onState("lost");
  }
}

async function post(path, token, sdp, signal) {
  const headers = { "Content-Type": "application/sdp", Authorization: `Bearer ${token}` };
  try {
    const response = await fetch(path, { method: "POST", headers, body: sdp, signal });
    return { status: response.status, id: response.headers.get("Hullo-Call-Id"), answer: await response.text() };
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "The daemon can't be reached.", "Is hullo running?");
  }
}

function refusal(status, body) {
  try {
    const { detail, remedy } = JSON.parse(body);
    return new Refused(status, detail, remedy);
  } catch {
    return new Refused(status, `The daemon answered with HTTP ${status}.`, "");
  }
}
