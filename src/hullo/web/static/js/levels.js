// Level meters, and the tones that the page makes itself.

const FLOOR = -60;
const PICTURE_MS = 50; // more often is no use to the eye, and costs a phone its battery
const FALL = 4; // dB a picture: a level that jumps up at once and comes down slowly can be read

let shared = null;

function context() {
  shared ??= new AudioContext();
  if (shared.state === "suspended") shared.resume().catch(() => {}); // it waits for the first click
  return shared;
}

/** Draws the level of a stream on a canvas until `stop`. */
export class Meter {
  #canvas;
  #source = null;
  #analyser = null;
  #frame = 0;
  #shown = FLOOR;

  constructor(canvas) {
    this.#canvas = canvas;
  }

  watch(stream) {
    this.stop();
    this.#analyser = context().createAnalyser();
    this.#analyser.fftSize = 1024;
    this.#source = context().createMediaStreamSource(stream);
    this.#source.connect(this.#analyser);
    const samples = new Float32Array(this.#analyser.fftSize);
    let drawn = 0;
    const draw = (now) => {
      this.#frame = requestAnimationFrame(draw);
      if (now - drawn < PICTURE_MS) return;
      drawn = now;
      this.#analyser.getFloatTimeDomainData(samples);
      const shown = Math.max(level(samples), this.#shown - FALL, FLOOR);
      if (shown === this.#shown) return;
      this.#shown = shown;
      this.#draw();
    };
    this.#draw();
    this.#frame = requestAnimationFrame(draw);
  }

  /** The level that is shown, in dB relative to full scale. */
  get level() {
    return this.#shown;
  }

  stop() {
    cancelAnimationFrame(this.#frame);
    this.#source?.disconnect();
    this.#source = this.#analyser = null;
    this.#shown = FLOOR;
    this.#draw();
  }

  #draw() {
    const canvas = this.#canvas;
    const width = Math.round(canvas.clientWidth * devicePixelRatio);
    const height = Math.round(canvas.clientHeight * devicePixelRatio);
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const paint = canvas.getContext("2d");
    paint.clearRect(0, 0, width, height);
    paint.fillStyle = getComputedStyle(canvas).color;
    paint.fillRect(0, 0, (width * (this.#shown - FLOOR)) / -FLOOR, height);
    canvas.setAttribute("aria-valuenow", Math.round(this.#shown));
  }
}

function level(samples) {
  const power = samples.reduce((sum, one) => sum + one * one, 0) / samples.length;
  return power > 0 ? 10 * Math.log10(power) : FLOOR;
}

/** A pattern of tones that is repeated until `stop`. */
class Pattern {
  #timer = 0;
  #playing = null;

  constructor(tones, everyMs) {
    this.tones = tones;
    this.everyMs = everyMs;
  }

  start() {
    if (this.#timer) return;
    const play = () => {
      this.#playing?.disconnect(); // before the first click nothing sounds, and all that waits would sound at once
      this.#playing = beep(context(), context().destination, this.tones);
    };
    this.#timer = setInterval(play, this.everyMs);
    play();
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = 0;
    this.#playing?.disconnect();
    this.#playing = null;
  }
}

/** [hertz, from, to] in seconds; gives the node to disconnect. */
function beep(audio, destination, tones, volume = 0.08) {
  const gain = audio.createGain();
  gain.gain.value = volume;
  gain.connect(destination);
  for (const [hertz, from, to] of tones) {
    const tone = new OscillatorNode(audio, { frequency: hertz });
    tone.connect(gain);
    tone.start(audio.currentTime + from);
    tone.stop(audio.currentTime + to);
  }
  return gain;
}

export const ringTone = new Pattern(
  [
    [660, 0, 0.18],
    [880, 0.2, 0.42],
    [660, 0.6, 0.78],
    [880, 0.8, 1.02],
  ],
  3_000,
);
export const ringBackTone = new Pattern([[425, 0, 1]], 5_000);

/** A short melody on the chosen speaker. */
export async function testSpeaker(sound) {
  const audio = context();
  const out = audio.createMediaStreamDestination();
  beep(
    audio,
    out,
    [
      [523, 0, 0.2],
      [659, 0.25, 0.45],
      [784, 0.5, 0.9],
    ],
    0.2,
  );
  const element = new Audio();
  element.srcObject = out.stream;
  await sound.route(element);
  await element.play();
  setTimeout(() => (element.srcObject = null), 1_500);
}
