// What changes in a session description when ICE is restarted (RFC 8840 9). Pure.

const lines = (sdp) => sdp.split(/\r?\n/).filter(Boolean);
const text = (found) => `${found.join("\r\n")}\r\n`;

/** Our side as a fragment: credentials, and the candidates that are not in `known` yet, which takes them. */
export function fragmentOf(sdp, known, complete) {
  const all = lines(sdp);
  const media = all.findIndex((line) => line.startsWith("m="));
  const one = (name) => all.find((line) => line.startsWith(`a=${name}:`));
  const fresh = all.filter((line) => line.startsWith("a=candidate:") && !known.has(line));
  for (const line of fresh) known.add(line);
  const found = [one("ice-ufrag"), one("ice-pwd"), all[media], one("mid"), ...fresh];
  return text(complete ? [...found, "a=end-of-candidates"] : found);
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
