// What the page asks of the daemon over HTTP.

const ANSWER_MS = 3_000;

/** The daemon said no; `hint` says what to do. `status` is that of HTTP, 0 if it was not reached. */
export class Refused extends Error {
  constructor(status, message, hint) {
    super(message);
    this.status = status;
    this.hint = hint;
  }
}

/**
 * The response to a request, with its body as `body`. Rejects with `Refused`, or an `AbortError` once `signal` says so.
 * `wait` is how long the daemon may take, in ms; null for as long as it rings.
 */
export async function ask(method, path, token, { headers = {}, body, signal, wait = ANSWER_MS } = {}) {
  const late = new AbortController();
  const timer = wait === null ? 0 : setTimeout(() => late.abort(), wait);
  const leave = () => late.abort();
  signal?.addEventListener("abort", leave);
  if (signal?.aborted) leave();
  try {
    const all = { ...headers, Authorization: `Bearer ${token}` };
    const response = await fetch(path, { method, headers: all, body, signal: late.signal });
    const text = await response.text();
    if (!response.ok) throw refusal(response.status, text);
    return { headers: response.headers, body: text };
  } catch (error) {
    if (error instanceof Refused || signal?.aborted) throw error;
    throw new Refused(0, "The daemon can't be reached.", "Is hullo running?");
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", leave);
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
