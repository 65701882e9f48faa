// What changes in a session description when ICE is restarted (RFC 8840 9). Pure.

const lines = (sdp) => sdp.split(/\r?\n/).filter(Boolean);
const text = (found) => `${found.join("\r\n")}\r\n`;

/** Which candidates of ours the daemon was told, and whether that there are no more. */
export class Told {
  #candidates = new Set();
  complete = false;

  /** The candidates of a description that it was not told yet, as lines: it is told now. */
  fresh(sdp, complete) {
    const found = lines(sdp).filter((line) => line.startsWith("a=candidate:") && !this.#candidates.has(line));
    for (const line of found) this.#candidates.add(line);
    this.complete = complete;
    return complete ? [...found, "a=end-of-candidates"] : found;
  }
}

/** Our offer; `complete` if it has all candidates. It has one media section, which is the last thing in it. */
export function offerOf(sdp, told, complete) {
  told.fresh(sdp, complete);
  return complete ? text([...lines(sdp), "a=end-of-candidates"]) : sdp;
}

/** Our side as a fragment: credentials, and the candidates that were not told yet. */
export function fragmentOf(sdp, told, complete) {
  const all = lines(sdp);
  const media = all.findIndex((line) => line.startsWith("m="));
  const one = (name) => all.find((line) => line.startsWith(`a=${name}:`));
  return text([one("ice-ufrag"), one("ice-pwd"), all[media], one("mid"), ...told.fresh(sdp, complete)]);
}

/** The answer that was agreed on, with the credentials and candidates of a fragment in place of its own. */
export function answerOf(sdp, fragment) {
  const fresh = lines(fragment);
  const of = (...kinds) => fresh.filter((line) => kinds.some((kind) => line.startsWith(`a=${kind}`)));
  const kept = lines(sdp).filter((line) => !line.startsWith("a=candidate:") && line !== "a=end-of-candidates");
  return text(
    kept.flatMap((line) => {
      if (line.startsWith("a=ice-ufrag:")) return of("ice-ufrag:");
      return line.startsWith("a=ice-pwd:") ? of("ice-pwd:", "candidate:", "end-of-candidates") : [line];
    }),
  );
}
