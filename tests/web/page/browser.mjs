// As much of a browser as the page's own logic needs: elements that keep what they are given, microphones that count.

class Element {
  dataset = {};
  children = [];
  hidden = false;
  open = false;

  get firstElementChild() {
    return this.children[0] ?? new Element();
  }
  append(...children) {
    this.children.push(...children);
  }
  replaceChildren(...children) {
    this.children = children;
  }
  getContext() {
    return new Proxy({}, { get: () => () => {} });
  }
  querySelectorAll() {
    return [];
  }
  showModal() {
    this.open = true;
  }
  close() {
    this.open = false;
    this.onclose?.();
  }
  setAttribute() {}
  addEventListener() {}
  focus() {}
}

class Player extends Element {
  paused = true;
  pause() {
    this.paused = true;
  }
  async play() {
    this.paused = false;
  }
}

/** As MediaRecorder (W3C): ends by itself with its microphone, and says so only once. */
class Recorder {
  state = "inactive";
  constructor(stream) {
    this.stream = stream;
    Recorder.made.push(this);
  }
  start() {
    this.state = "recording";
  }
  stop() {
    if (this.state === "inactive") return;
    this.state = "inactive";
    queueMicrotask(() => {
      this.ondataavailable({ data: "words" });
      this.onstop?.();
    });
  }
}

export class Node {
  static connected = new Set();
  gain = {};
  connect() {
    Node.connected.add(this);
  }
  disconnect() {
    Node.connected.delete(this);
  }
  start() {}
  stop() {}
}

class Sounds {
  state = "running";
  currentTime = 0;
  destination = {};
  createGain = () => new Node();
  createAnalyser = () => new Node();
  createMediaStreamSource = () => new Node();
}

const elements = new Map();

/** A microphone that somebody waits for until `give`. */
export class Microphones {
  opened = [];
  #waiting = [];

  get live() {
    return this.opened.filter((stream) => stream.live).length;
  }
  open = () => new Promise((resolve) => this.#waiting.push(resolve));
  give() {
    const track = { stop: () => (stream.live = false) };
    const stream = { live: true, getTracks: () => [track], getAudioTracks: () => [track] };
    this.opened.push(stream);
    this.#waiting.shift()(stream);
    return settled();
  }
  choose() {}
  route = async () => {};
  devices = async () => ({ microphones: [], speakers: [] });
  choice = { microphone: "", speaker: "" };
}

/** Once everything that waits for nothing else has been done. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

export const element = (id) => {
  if (!elements.has(id)) elements.set(id, new Element());
  return elements.get(id);
};

export const recorders = (Recorder.made = []);

Object.assign(globalThis, {
  document: { getElementById: element, createElement: () => new Element(), createElementNS: () => new Element() },
  Audio: Player,
  MediaRecorder: Recorder,
  AudioContext: Sounds,
  OscillatorNode: Node,
  HTMLMediaElement: Element,
  requestAnimationFrame: () => 0,
  cancelAnimationFrame: () => {},
  getComputedStyle: () => ({}),
  devicePixelRatio: 1,
});
globalThis.navigator ??= {};
URL.createObjectURL = () => "blob:";
URL.revokeObjectURL = () => {};
