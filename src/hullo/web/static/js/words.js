// Numbers and reasons as people say them.

export function duration(seconds) {
  const whole = Math.max(Math.floor(seconds), 0);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

export function when(ms, now = Date.now()) {
  const then = new Date(ms);
  const time = then.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (then.toDateString() === new Date(now).toDateString()) return time;
  return `${then.toLocaleDateString([], { day: "numeric", month: "short" })}, ${time}`;
}

/** Whom a call is with. */
export function nameOf(call) {
  if (isAgent(call)) return "Agent";
  return call.peer.replace(/^direct:/, "") || "Somebody";
}

export const isAgent = (call) => call.line === "browser" && call.peer === "page";

export const isMissed = (call) =>
  call.direction === "incoming" && call.status === "ended" && !call.duration && call.reason !== "declined";

const LINES = { browser: "WebRTC call", direct: "Private call", telegram: "Telegram call" };

export function lineName(name) {
  return LINES[name] ?? name;
}

const TITLES = {
  "no-answer": "Nobody answered",
  busy: "Busy",
  declined: "Declined",
  timeout: "The call was ended: too long",
  failed: "The call failed",
  error: "The call failed",
};

/** The end of a call in one line. */
export function ending(call) {
  if (isMissed(call)) return "Missed call";
  return TITLES[call.reason] ?? "Call ended";
}

/** What is to be said of it beside that. */
export function farewell(call, hungUpHere) {
  if (hungUpHere) return "You hung up.";
  if (call.reason === "hangup-user" && !isAgent(call)) return `${nameOf(call)} hung up.`;
  if (call.reason?.startsWith("hangup") || call.reason === "completed") return "";
  return sentence(call.detail ?? "");
}

function sentence(text) {
  return text && `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

export const GRADES = { none: "–", good: "Good", fair: "Fair", poor: "Poor" };

export function figures({ roundTrip, buffer, lossIn, lossOut }) {
  const parts = [];
  if (roundTrip !== null) parts.push(`${roundTrip.toFixed(0)} ms round trip`);
  if (buffer !== null) parts.push(`${buffer.toFixed(0)} ms buffer`);
  if (lossIn !== null) parts.push(`${Math.max(lossIn, lossOut ?? 0).toFixed(1)} % lost`);
  return parts.join(" · ");
}

export const milliseconds = (value) => (value === null || value === undefined ? "–" : `${Math.round(value)} ms`);
