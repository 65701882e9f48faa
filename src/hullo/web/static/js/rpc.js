// JSON-RPC 2.0 over a WebSocket that comes back when it was lost.

const ANSWER_MS = 10_000;
const CHECK_MS = 10_000;
const CHECK_ANSWER_MS = 3_000;
const CONNECT_MS = 5_000;
const LONGEST_WAIT_MS = 5_000;

export class RpcError extends Error {
  constructor({ message, data }) {
    super(message);
    this.hint = data?.hint ?? "";
  }
}

/** `onState` is told "connecting", "open" or "closed"; `onEvent` the params of every notification. */
export class Rpc {
  #token;
  #socket = null;
  #waiting = new Map();
  #lastId = 0;
  #failures = 0;

  constructor(token, { onState, onEvent }) {
    this.#token = token;
    this.onState = onState;
    this.onEvent = onEvent;
    setInterval(() => this.check(), CHECK_MS);
    addEventListener("online", () => this.#leave(this.#socket));
  }

  connect() {
    this.onState("connecting");
    const url = new URL("/rpc", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url, ["hullo", `token.${this.#token}`]);
    this.#socket = socket;
    const timer = setTimeout(() => this.#leave(socket), CONNECT_MS);
    socket.onopen = () => {
      clearTimeout(timer);
      this.#failures = 0;
      this.onState("open");
    };
    socket.onmessage = (message) => this.#received(JSON.parse(message.data));
    socket.onclose = () => {
      clearTimeout(timer);
      this.#lost();
    };
  }

  /** The result of a method; rejects with `RpcError`, also when the daemon can't be reached. */
  request(method, params = {}, wait = ANSWER_MS) {
    return new Promise((resolve, reject) => {
      if (this.#socket?.readyState !== WebSocket.OPEN) {
        reject(
          new RpcError({ message: "The daemon can't be reached right now.", data: { hint: "It is tried again." } }),
        );
        return;
      }
      const id = ++this.#lastId;
      const timer = setTimeout(() => this.#settle(id, { error: { message: "The daemon does not answer." } }), wait);
      this.#waiting.set(id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    });
  }

  /** Whether the connection lives: one that died without a word is only noticed by asking. */
  async check() {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    const asked = this.#socket;
    try {
      await this.request("health", {}, CHECK_ANSWER_MS);
    } catch {
      this.#leave(asked);
    }
  }

  #received(message) {
    if (message.method) this.onEvent(message.params);
    else this.#settle(message.id, message);
  }

  #settle(id, { result, error }) {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    if (error) waiting.reject(new RpcError(error));
    else waiting.resolve(result);
  }

  /** Have done with a socket: on a dead network its `close` would be told only after a long wait for the other side. */
  #leave(socket) {
    if (socket === null || socket !== this.#socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    this.#lost();
  }

  #lost() {
    this.#socket = null;
    for (const id of [...this.#waiting.keys()]) {
      this.#settle(id, { error: { message: "The connection to the daemon was lost." } });
    }
    this.#failures += 1;
    this.onState(this.#failures > 1 ? "closed" : "connecting");
    const wait = Math.min(250 * 2 ** this.#failures, LONGEST_WAIT_MS);
    setTimeout(() => this.connect(), wait * (0.5 + Math.random() / 2));
  }
}

/** Whether the secret is right; the WebSocket does not tell why it was refused. */
export async function isWelcome(token) {
  try {
    return (await fetch("/rpc", { headers: { Authorization: `Bearer ${token}` } })).status !== 401;
  } catch {
    return true; // the daemon is gone, which is something else
  }
}
