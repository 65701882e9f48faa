// How the sound of the page is doing, out of getStats() once a second. Times in ms, shares in percent.

/** One sample, and what the next one is compared with. Pure. */
export function sample(report, before, at) {
  const stats = [...report.values()];
  const pair = selectedPair(report);
  const incoming = incomingSound(report);
  const remote = stats.find((one) => one.type === "remote-inbound-rtp" && one.kind === "audio");
  const totals = {
    received: incoming?.packetsReceived ?? 0,
    lost: incoming?.packetsLost ?? 0,
    delay: incoming?.jitterBufferDelay ?? 0,
    emitted: incoming?.jitterBufferEmittedCount ?? 0,
  };
  const received = totals.received - (before?.received ?? 0);
  const lost = Math.max(totals.lost - (before?.lost ?? 0), 0);
  const emitted = totals.emitted - (before?.emitted ?? 0);
  return {
    totals,
    at,
    roundTrip: ms(remote?.roundTripTime ?? pair?.currentRoundTripTime),
    buffer: emitted > 0 ? ms((totals.delay - (before?.delay ?? 0)) / emitted) : null,
    jitter: ms(incoming?.jitter),
    lossIn: received + lost > 0 ? (100 * lost) / (received + lost) : null,
    lossOut: remote?.fractionLost === undefined ? null : 100 * remote.fractionLost,
  };
}

/** The same with the way from the daemon on to the far end, as the last `call.quality` tells of it. Pure. */
export function through(near, stats) {
  if (!stats) return near;
  return {
    ...near,
    roundTrip: stats.round_trip_ms === null ? near.roundTrip : (near.roundTrip ?? 0) + stats.round_trip_ms,
    buffer: (near.buffer ?? 0) + stats.buffer_ms,
    lossOut: Math.max(near.lossOut ?? 0, 100 * (stats.remote_loss ?? 0)),
  };
}

/** "good", "fair" or "poor": half the round trip and the buffer against ITU-T G.114, loss against what FEC mends. */
export function grade({ roundTrip, buffer, lossIn, lossOut }) {
  if (roundTrip === null && lossIn === null) return "none";
  const delay = (roundTrip ?? 0) / 2 + (buffer ?? 0);
  const loss = Math.max(lossIn ?? 0, lossOut ?? 0);
  if (loss > 8 || delay > 400) return "poor";
  return loss > 2 || delay > 200 ? "fair" : "good";
}

/** How much has come from the daemon, sound and checks: it grows as long as there is a path. Pure. */
export function heard(report) {
  const pair = selectedPair(report);
  const checks = (pair?.requestsReceived ?? 0) + (pair?.responsesReceived ?? 0);
  return checks + (incomingSound(report)?.packetsReceived ?? 0);
}

function selectedPair(report) {
  const stats = [...report.values()];
  const transport = stats.find((one) => one.type === "transport");
  return (
    report.get(transport?.selectedCandidatePairId) ??
    stats.find((one) => one.type === "candidate-pair" && one.nominated)
  );
}

function incomingSound(report) {
  return [...report.values()].find((one) => one.type === "inbound-rtp" && one.kind === "audio");
}

function ms(seconds) {
  return seconds === undefined ? null : seconds * 1000;
}
