// The report of a call that is over.

import { byId, h } from "./dom.js";
import { Plots } from "./plots.js";
import { drawTranscript } from "./transcript.js";
import { duration, ending, farewell, isAgent, lineName, milliseconds, nameOf, when } from "./words.js";

export class Ended {
  #plots = new Plots(byId("ended-delay"), byId("ended-loss"));
  #shown = null;

  /** `actions`: again(call), done(). */
  constructor(actions) {
    byId("again").onclick = () => actions.again(this.#shown);
    byId("done").onclick = () => actions.done();
  }

  /** Show a call that has ended; `session` if it was this page's. */
  draw(call, session) {
    const samples = session?.samples ?? [];
    if (
      this.#shown === call &&
      byId("report").childElementCount > 0 &&
      Boolean(call.report) === (byId("report").dataset.full === "true")
    )
      return;
    this.#shown = call;
    byId("ended-title").textContent = `${ending(call)}: ${nameOf(call)}`;
    byId("ended-detail").textContent = farewell(call, session?.hungUp ?? false);
    byId("report").dataset.full = String(Boolean(call.report));
    byId("report").replaceChildren(
      ...rows(call).map(([name, value, long]) =>
        h("div", { className: long ? "long" : "" }, h("dt", {}, name), h("dd", {}, value)),
      ),
    );
    byId("ended-plots").hidden = samples.length < 3;
    const lines = spoken(call);
    byId("ended").classList.toggle("alone", !isAgent(call) && lines.length === 0);
    this.#plots.clear();
    if (samples.length >= 3) this.#plots.show(samples);
    drawTranscript(byId("turns"), byId("no-turns"), lines, "Nothing was transcribed in this call.");
  }

  leave() {
    this.#shown = null;
    this.#plots.clear();
  }
}

function rows(call) {
  const all = [
    ["Duration", duration(call.duration ?? 0)],
    ["Began", when(call.began)],
    ["Line", isAgent(call) ? "This page" : lineName(call.line)],
  ];
  const report = call.report;
  if (!report) return all;
  const { stats, leg, stages } = report;
  if (stages.connected) all.push(["Answer to sound", milliseconds((stages.connected - stages.answered) * 1000)]);
  if (stats.packets_received) {
    const lost = (100 * stats.packets_lost) / (stats.packets_received + stats.packets_lost);
    all.push(
      ["Packets lost", `${lost.toFixed(1)} %`],
      ["Concealed", milliseconds(stats.concealed_ms)],
      ["Jitter", milliseconds(stats.jitter_ms)],
    );
    if (stats.round_trip_ms !== null) all.push(["Round trip", milliseconds(stats.round_trip_ms)]);
  }
  const answers = report.turns.map((turn) => turn.times.answer_ms).filter((one) => one !== null);
  if (answers.length) all.push(["Answer time", milliseconds(median(answers))]);
  if (leg.chosen)
    all.push([
      "Path",
      `${leg.relay ? "Relayed" : "Direct"}, ${leg.chosen.local} to ${leg.chosen.remote} over ${leg.chosen.protocol.toUpperCase()}`,
      true,
    ]);
  if (leg.stage && !stages.connected) all.push(["Ended during", leg.stage]);
  for (const recording of report.recordings) all.push(["Recording", recording.path, true]);
  for (const error of report.errors) all.push(["Trouble", error, true]);
  return all;
}

/** The transcript of this page, or what the report knows of a call that it did not see. */
function spoken(call) {
  if (call.transcript.length || !call.report) return call.transcript;
  const one = (speaker, text, answerMs) => ({ speaker, text, partial: false, cut: null, answerMs });
  const heard = call.line === "browser" && call.peer === "page" ? "you" : "them";
  return call.report.turns.flatMap((turn) => [
    one(heard, turn.heard, null),
    ...(turn.said ? [one("agent", turn.said, turn.times.answer_ms)] : []),
  ]);
}

function median(values) {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)];
}
