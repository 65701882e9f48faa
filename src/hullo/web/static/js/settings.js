// The dialog for microphone and speaker.

import { byId, h } from "./dom.js";
import { Meter, testSpeaker } from "./levels.js";
import { Sound, stopStream } from "./microphone.js";

export class Settings {
  #dialog = byId("settings");
  #meter = new Meter(byId("level-test"));
  #stream = null;

  /** `onMicrophone` and `onSpeaker` are called when another one was chosen. */
  constructor(sound, { onMicrophone, onSpeaker }) {
    Object.assign(this, { sound, onMicrophone, onSpeaker });
    byId("open-settings").onclick = () => this.open();
    byId("microphone").onchange = (event) => this.#chooseMicrophone({ microphone: event.target.value });
    byId("speaker").onchange = (event) => {
      sound.choose({ speaker: event.target.value });
      onSpeaker();
    };
    byId("test-speaker").onclick = () => testSpeaker(sound).catch((error) => this.#note(error.message));
    for (const box of this.#boxes()) box.onchange = () => this.#chooseMicrophone({ [box.name]: box.checked });
    this.#dialog.onclose = () => this.#stop();
    navigator.mediaDevices?.addEventListener("devicechange", () => this.#dialog.open && this.#list());
  }

  async open() {
    this.#note("");
    for (const box of this.#boxes()) box.checked = this.sound.choice[box.name];
    this.#dialog.showModal();
    await this.#listen();
  }

  async #chooseMicrophone(change) {
    this.sound.choose(change);
    await this.#listen();
    await Promise.resolve(this.onMicrophone()).catch((error) => this.#note(error.message));
  }

  /** Open the microphone, which shows its level, and gives the devices their names. */
  async #listen() {
    this.#stop();
    try {
      const stream = await this.sound.open();
      this.#stop(); // another one may have been opened meanwhile
      if (!this.#dialog.open) stopStream(stream);
      else {
        this.#stream = stream;
        this.#meter.watch(stream);
      }
    } catch (error) {
      this.#note(error.message);
    }
    await this.#list();
  }

  async #list() {
    const { microphones, speakers } = await this.sound.devices();
    const { microphone, speaker } = this.sound.choice;
    fill(byId("microphone"), microphones, microphone, "The usual microphone");
    fill(byId("speaker"), speakers, speaker, "The usual speaker");
    byId("speaker").disabled = !Sound.canChooseSpeaker;
    if (!Sound.canChooseSpeaker) this.#note("This browser plays on the speaker that the system has chosen.");
  }

  #stop() {
    this.#meter.stop();
    if (this.#stream) stopStream(this.#stream);
    this.#stream = null;
  }

  #boxes() {
    return this.#dialog.querySelectorAll("input[type=checkbox]");
  }

  #note(text) {
    byId("settings-note").textContent = text;
  }
}

function fill(select, devices, chosen, usual) {
  const others = devices.filter((device) => device.id !== "default" && device.id !== "communications");
  const options = [{ id: "", name: usual }, ...others].map(({ id, name }) => h("option", { value: id }, name));
  select.replaceChildren(...options);
  select.value = others.some((device) => device.id === chosen) ? chosen : "";
}
