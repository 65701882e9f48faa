// What is shown while this page is in no call: whom to call, and who called.

import { avatar, byId, drawList, h, icon } from "./dom.js";
import { address } from "./phone.js";
import { duration, ending, isAgent, isMissed, lineName, nameOf, when } from "./words.js";

const MOST_RECENT = 30;
const LONGEST_RING_MS = 120_000;
const EXAMPLES = { telegram: "@name", direct: "direct:name", browser: "https://host/call" };

/** Whether a call that the direct line calls missed is one that rang here. */
function isSame(missed, call) {
  const after = missed.at * 1000 - call.began;
  return call.back === `direct:${missed.person}` && after > -5_000 && after < LONGEST_RING_MS;
}

export class Home {
  /** `actions`: callAgent(), callPerson(to), take(id), hangUp(id), showReport(id), canRecord(), record(person). */
  constructor(actions) {
    this.actions = actions;
    byId("call-agent").onclick = () => actions.callAgent();
    byId("dial").onsubmit = (event) => {
      event.preventDefault();
      actions.callPerson(byId("address").value.trim());
    };
  }

  drawPeople({ contacts }, lines) {
    const people = contacts.filter((one) => one.contact && !one.blocked);
    drawList(
      byId("contacts"),
      people.map((one) => ({ ...one, recordable: this.actions.canRecord() })),
      (one) => this.#person(one),
    );
    byId("no-contacts").hidden = people.length > 0;
    byId("no-contacts").textContent = lines.some((line) => line.name === "direct")
      ? "No contacts yet: hullo contacts add NAME"
      : "Private calls to people are off. docs/privacy.md tells how to turn them on.";
    const ready = lines.filter((line) => line.ready && EXAMPLES[line.name]);
    const examples = ready.map((line) => EXAMPLES[line.name]);
    byId("lines").textContent = examples.length ? `Such as ${examples.join(", ")}.` : "";
    for (const line of lines.filter((one) => !one.ready))
      byId("lines").textContent += ` ${lineName(line.name)}s are not possible right now: ${line.detail}.`;
  }

  /** `calls` are those of this daemon, `past` those of its history, `missedAway` those that never rang here. */
  drawCalls(calls, past, missedAway) {
    const known = new Set(calls.map((call) => call.id));
    const before = past
      .filter((call) => !known.has(call.call_id))
      .map((call) => ({ ...call, id: null, status: "ended", began: call.at * 1000 }));
    const ended = [...calls.filter((call) => call.status === "ended"), ...before].map((call) => this.#summary(call));
    const rang = ended.filter((one) => one.mark === "missed");
    const away = missedAway
      .filter((one) => !rang.some((other) => isSame(one, other)))
      .map((one) => ({
        id: null,
        name: one.person,
        sub: `Missed while away · ${when(one.at * 1000)}`,
        mark: "missed",
        began: one.at * 1000,
        back: `direct:${one.person}`,
      }));
    const recent = [...ended, ...away].sort((one, other) => other.began - one.began).slice(0, MOST_RECENT);
    drawList(byId("recent"), recent, (one) => this.#recent(one));
    byId("no-recent").hidden = recent.length > 0;
    const live = calls.filter((call) => call.status !== "ended" && call.status !== "incoming");
    byId("live").hidden = live.length === 0;
    drawList(
      byId("live").querySelector("ul"),
      live.map(({ id, line, peer, status, bridgedTo }) => ({ id, line, peer, status, bridgedTo })),
      (call) => this.#live(call),
    );
  }

  #person(one) {
    const mark = one.key_changed
      ? h("span", { className: "badge warn" }, icon("warning"), "Key changed: compare the safety number")
      : one.verified
        ? h("span", { className: "badge" }, icon("check"), "Verified")
        : h("span", { className: "sub" }, "Not verified yet");
    return h(
      "li",
      {},
      avatar(one.person),
      h("div", { className: "text" }, h("div", { className: "name" }, one.person), mark),
      this.actions.canRecord()
        ? h(
            "button",
            {
              type: "button",
              className: "quiet icon",
              ariaLabel: `Record a voice message for ${one.person}`,
              onclick: () => this.actions.record(one.person),
            },
            icon("mic"),
          )
        : null,
      h(
        "button",
        {
          type: "button",
          className: "quiet",
          ariaLabel: `Call ${one.person}`,
          onclick: () => this.actions.callPerson(`direct:${one.person}`),
        },
        icon("phone"),
        "Call",
      ),
    );
  }

  #summary(call) {
    const missed = isMissed(call);
    const how = call.duration ? duration(call.duration) : ending(call);
    return {
      id: call.id,
      name: nameOf(call),
      sub: `${missed ? "Missed" : how} · ${when(call.began)}`,
      mark: missed ? "missed" : call.direction === "incoming" && !isAgent(call) ? "in" : "out",
      began: call.began,
      back: isAgent(call) ? "" : address(call),
    };
  }

  #recent({ id, name, sub, mark, back }) {
    const missed = mark === "missed" ? " missed" : "";
    const words = { missed: "missed", in: "incoming", out: "outgoing" }[mark];
    const report =
      id &&
      h(
        "button",
        {
          type: "button",
          className: "plain",
          ariaLabel: `Report of the call with ${name}`,
          onclick: () => this.actions.showReport(id),
        },
        "Report",
      );
    const again = h(
      "button",
      {
        type: "button",
        className: "quiet icon",
        ariaLabel: `Call ${name}`,
        onclick: () => (back ? this.actions.callPerson(back) : this.actions.callAgent()),
      },
      icon("phone"),
    );
    const arrow = h("span", { className: `mark${missed}`, role: "img", ariaLabel: words }, icon(mark));
    return h(
      "li",
      {},
      arrow,
      h(
        "div",
        { className: "text" },
        h("div", { className: "name" }, name),
        h("div", { className: `sub${missed}` }, sub),
      ),
      report,
      again,
    );
  }

  #live(call) {
    const who =
      call.bridgedTo === "page" ? "in another window" : call.bridgedTo ? "connected to another call" : "with the agent";
    const take = isAgent(call) // it is ours, in another window
      ? null
      : h("button", { type: "button", className: "quiet", onclick: () => this.actions.take(call.id) }, "Take over");
    const end = h(
      "button",
      {
        type: "button",
        className: "plain",
        ariaLabel: `Hang up the call with ${nameOf(call)}`,
        onclick: () => this.actions.hangUp(call.id),
      },
      "End",
    );
    const sub = h("div", { className: "sub" }, `${lineName(call.line)}, ${call.status}, ${who}`);
    return h(
      "li",
      {},
      avatar(nameOf(call)),
      h("div", { className: "text" }, h("div", { className: "name" }, nameOf(call)), sub),
      take,
      end,
    );
  }
}
