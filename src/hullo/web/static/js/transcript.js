// What was said, as bubbles.

import { h } from "./dom.js";

const SPEAKERS = { you: "You", them: "Them", agent: "Agent" };

/** Draw `lines` into `list`, touching only those that changed; `empty` says `hint` while there are none. */
export function drawTranscript(list, empty, lines, hint) {
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  lines.forEach((line, index) => {
    const key = JSON.stringify(line);
    const old = list.children[index];
    if (old?.dataset.key === key) return;
    const item = bubble(line);
    item.dataset.key = key;
    if (old) old.replaceWith(item);
    else list.append(item);
  });
  while (list.childElementCount > lines.length) list.lastElementChild.remove();
  list.hidden = lines.length === 0;
  empty.hidden = lines.length > 0;
  if (empty.textContent !== hint) empty.textContent = hint;
  if (atEnd) list.scrollTop = list.scrollHeight;
}

/** One line; what is still being understood is kept from screen readers, who hear the final words. */
function bubble({ speaker, text, partial, cut, answerMs }) {
  if (speaker === "note") return h("li", { className: "note" }, text);
  const words = h("span", { className: partial ? "partial" : "" }, partial ? `${text} …` : text);
  const more = [];
  if (cut !== null)
    more.push(
      h("span", { className: "cut" }, cut && cut !== text ? ` (interrupted; heard “${cut}”)` : " (interrupted)"),
    );
  if (answerMs !== null) more.push(h("span", { className: "times" }, `after ${answerMs} ms`));
  const item = h("li", { className: speaker }, h("span", { className: "speaker" }, SPEAKERS[speaker]), words, ...more);
  if (partial) item.ariaHidden = "true";
  return item;
}
