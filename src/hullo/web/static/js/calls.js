// What is known of every call, made of the events and the answers of the daemon. No DOM, no network.

const KEPT = 200;

/** One thing that was said: `speaker` is "you", "them", "agent" or "note". */
function line(speaker, text, more = {}) {
  return { speaker, text, partial: false, cut: null, answerMs: null, ...more };
}

export function newCall(id) {
  return {
    id,
    peer: "",
    line: "",
    direction: "",
    status: "dialing",
    began: Date.now(),
    connectedAt: null,
    duration: 0,
    bridgedTo: null,
    verified: null,
    emoji: null,
    peerMuted: false,
    stats: null,
    reason: null,
    detail: null,
    report: null,
    transcript: [],
  };
}

/** All calls by id, in the order in which they began. */
export class Calls {
  #calls = new Map();

  get(id) {
    return this.#calls.get(id);
  }

  all() {
    return [...this.#calls.values()];
  }

  live() {
    return this.all().filter((call) => call.status !== "ended");
  }

  /** The call of an event or a status, made if it was not known. */
  known(id) {
    let call = this.#calls.get(id);
    if (!call) {
      call = newCall(id);
      this.#calls.set(id, call);
      this.#forget();
    }
    return call;
  }

  /**
   * Take over what `call.list` says: also that one of the calls that were live when it was `asked` is not there any
   * more. An event may have overtaken it: what ended stays ended.
   */
  load(statuses, asked = this.live(), now = Date.now()) {
    const there = new Set(statuses.map((status) => status.call_id));
    for (const call of asked) {
      if (!there.has(call.id) && call.status !== "ended")
        Object.assign(call, {
          status: "ended",
          reason: "error",
          detail: "The daemon was restarted, which ended the call.",
        });
    }
    for (const status of statuses) {
      const call = this.known(status.call_id);
      if (call.status === "ended") continue;
      const { peer, line: name, direction, began, duration, verified, stats, reason, detail } = status;
      Object.assign(call, {
        peer,
        line: name,
        direction,
        status: status.status,
        began,
        duration,
        verified,
        stats,
        reason,
        detail,
      });
      call.bridgedTo = status.bridged_to;
      call.peerMuted = status.peer_muted ?? false;
      call.emoji = status.leg.emoji;
      if (call.status === "active" || call.status === "reconnecting") call.connectedAt ??= now - duration * 1000;
    }
  }

  /** Take one event, and give the call that it changed, or null. */
  apply(event, now = Date.now()) {
    if (!event.call_id) return null;
    const call = this.known(event.call_id);
    HANDLERS[event.type]?.(call, event, now);
    return call;
  }

  #forget() {
    for (const call of this.all()) {
      if (this.#calls.size <= KEPT) return;
      if (call.status === "ended") this.#calls.delete(call.id);
    }
  }
}

const HANDLERS = {
  "call.incoming": (call, event) =>
    Object.assign(call, { status: "incoming", direction: "incoming", peer: event.peer, line: event.line }),
  "call.ringing": (call, event) =>
    Object.assign(call, { status: "ringing", direction: "outgoing", peer: event.peer, line: event.line }),
  "call.connected": (call, event, now) => {
    const { peer, line: name, direction, emoji, verified } = event;
    Object.assign(call, { status: "active", connectedAt: now, peer, line: name, direction, emoji, verified });
  },
  "call.reconnecting": (call) => Object.assign(call, { status: "reconnecting" }),
  "call.reconnected": (call, event) => {
    call.status = "active";
    call.transcript.push(line("note", `The connection was gone for ${(event.gap_ms / 1000).toFixed(1)} s.`));
  },
  "call.bridged": (call, event) => Object.assign(call, { bridgedTo: event.to }),
  "call.peer_muted": (call, event) => Object.assign(call, { peerMuted: event.muted }),
  "call.quality": (call, event) => Object.assign(call, { stats: event.stats }),
  "call.partial": (call, event) => heard(call, event.text, true),
  "call.speech": (call, event) =>
    heard(call, event.text, false, event.times.end_of_speech_ms + event.times.recognition_ms),
  "call.unclear": (call) => {
    dropPartial(call);
    call.transcript.push(line("note", "Something was said that was not understood."));
  },
  "call.speaking": (call, event) => {
    call.transcript.push(line("agent", event.text, { id: event.utterance_id, answerMs: answerTime(call) }));
  },
  "call.spoken": (call, event) => said(call, event, null),
  "call.interrupted": (call, event) => {
    if (event.heard_text || utterance(call, event.utterance_id)) said(call, event, event.heard_text);
  },
  "call.error": (call, event) => {
    if (event.utterance_id) said(call, event, event.heard_text);
    call.transcript.push(line("note", `${event.component}: ${event.error}`));
  },
  "call.ended": (call, event) => {
    dropPartial(call);
    const { reason, detail, duration, report } = event;
    Object.assign(call, {
      status: "ended",
      reason,
      detail,
      duration,
      report,
      bridgedTo: null,
      peer: report.peer,
      line: report.line,
      direction: report.direction,
      began: report.began,
    });
  },
};

/** Who it is that the daemon hears: the person at a page who calls the agent, else the far end. */
const hearsYou = (call) => call.line === "browser" && call.peer === "page";

/** `sinceMs`: how long ago the last word was said. */
function heard(call, text, partial, sinceMs = 0) {
  dropPartial(call);
  call.transcript.push(line(hearsYou(call) ? "you" : "them", text, { partial, endedAt: performance.now() - sinceMs }));
}

function dropPartial(call) {
  const last = call.transcript.findLastIndex((entry) => entry.partial);
  if (last >= 0) call.transcript.splice(last, 1);
}

function utterance(call, id) {
  return call.transcript.find((entry) => entry.id === id);
}

function said(call, event, heardText) {
  const entry = utterance(call, event.utterance_id);
  if (!entry) return;
  entry.text = event.text ?? entry.text;
  if (heardText !== null) entry.cut = heardText;
}

/** From the last word of what was said to now, when the answer to it begins. */
function answerTime(call) {
  const last = call.transcript.at(-1);
  return last?.endedAt && !last.partial ? Math.round(performance.now() - last.endedAt) : null;
}
