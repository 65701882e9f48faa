// The microphone and the speaker: which there are, which are chosen, and why one can't be had.

const STORE = "hullo.sound";
const PROCESSING = ["echoCancellation", "noiseSuppression", "autoGainControl"];

/** What went wrong with the microphone, in words that say what to do. */
export class NoMicrophone extends Error {}

const REASONS = {
  NotAllowedError:
    "This page may not use the microphone.\nAllow it with the icon beside the address above, then try again.",
  SecurityError:
    "This page may not use the microphone.\nAllow it with the icon beside the address above, then try again.",
  NotFoundError: "No microphone was found.\nPlug one in, or choose another one under Sound, then try again.",
  OverconstrainedError: "The microphone that you chose is not there any more.\nChoose another one under Sound.",
  NotReadableError:
    "The microphone can't be opened; another program may be using it.\nClose that program, or choose another microphone under Sound.",
};
const INSECURE =
  "Browsers give a microphone only to pages from this machine or over https.\n" +
  "Open the page as http://localhost, or set a certificate in [web].";

export class Sound {
  #choice = { microphone: "", speaker: "", echoCancellation: true, noiseSuppression: true, autoGainControl: true };

  constructor() {
    try {
      Object.assign(this.#choice, JSON.parse(localStorage.getItem(STORE) ?? "{}"));
    } catch {
      localStorage.removeItem(STORE); // it was not ours
    }
  }

  get choice() {
    return { ...this.#choice };
  }

  choose(change) {
    Object.assign(this.#choice, change);
    localStorage.setItem(STORE, JSON.stringify(this.#choice));
  }

  /** A stream of the chosen microphone, or of the usual one if that is gone. Rejects with `NoMicrophone`. */
  async open() {
    if (!navigator.mediaDevices?.getUserMedia) throw new NoMicrophone(INSECURE);
    try {
      return await this.#get(this.#choice.microphone);
    } catch (error) {
      if (error.name !== "OverconstrainedError") throw explained(error);
    }
    try {
      return await this.#get("");
    } catch (error) {
      throw explained(error);
    }
  }

  /** Microphones and speakers; names are known once a microphone was opened. */
  async devices() {
    const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    const named = (kind, word) =>
      all
        .filter((device) => device.kind === kind && device.deviceId)
        .map((device, index) => ({ id: device.deviceId, name: device.label || `${word} ${index + 1}` }));
    return { microphones: named("audioinput", "Microphone"), speakers: named("audiooutput", "Speaker") };
  }

  /** Have `element` play on the chosen speaker, or on the usual one if that is gone. */
  async route(element) {
    if (!element.setSinkId) return;
    try {
      await element.setSinkId(this.#choice.speaker);
    } catch {
      await element.setSinkId("");
    }
  }

  static get canChooseSpeaker() {
    return "setSinkId" in HTMLMediaElement.prototype;
  }

  #get(deviceId) {
    const wanted = Object.fromEntries(PROCESSING.map((name) => [name, this.#choice[name]]));
    if (deviceId) wanted.deviceId = { exact: deviceId };
    return navigator.mediaDevices.getUserMedia({ audio: { ...wanted, channelCount: 1 } });
  }
}

/** Let go of a microphone. */
export function stopStream(stream) {
  for (const track of stream.getTracks()) track.stop();
}

function explained(error) {
  return new NoMicrophone(REASONS[error.name] ?? `The microphone can't be used: ${error.message}`);
}
