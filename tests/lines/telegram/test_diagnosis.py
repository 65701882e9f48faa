"""The likely cause of media that did not come about."""

import pytest

from hullo.lines.telegram.diagnosis import SetupProgress, likely_cause
from hullo.rtc.parameters import PairOutcome, PairReport

FAILED = PairReport(local="host", remote="host", protocol="udp", outcome=PairOutcome.FAILED, chosen=False)
ANSWERED = PairReport(local="host", remote="host", protocol="udp", outcome=PairOutcome.SUCCEEDED, chosen=False)


def progress(**fields: object) -> SetupProgress:
    everything: dict[str, object] = {
        "relay_only": False,
        "relays_named": 1,
        "local_candidates": 2,
        "remote_candidates": 2,
        "packets_received": 9,
        "messages_received": 5,
        "described": True,
        "negotiated": True,
    }
    return SetupProgress(**{**everything, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reached", "stages", "pairs", "cause"),
    [
        (progress(described=False, packets_received=0), [], [], "nothing came from the peer's app"),
        (progress(described=False, messages_received=0, foreign=2), [], [], "different keys"),
        (progress(described=False, messages_received=0), [], [], "no message in them"),
        (progress(described=False), [], [], "ICE credentials"),
        (progress(local_candidates=0, relay_only=True, relays_named=0), [], [], "Telegram named none"),
        (progress(local_candidates=0, relay_only=True, relays_named=3), [], [], "none of the 3"),
        (progress(local_candidates=0), [], [], "no network address"),
        (progress(remote_candidates=0), [], [], "named no address"),
        (progress(remote_candidates=0, unusable_candidates=4), [], [], "none of the 4 addresses"),
        (
            progress(described=False, discarded=3, problem="it smells"),
            [],
            [],
            "(discarded: 3 of its packets or messages, ",
        ),
        (progress(), [], [FAILED, ANSWERED], "never chose it"),
        (progress(), [], [FAILED], "none of 1 pairs"),
        (progress(relays_named=0), [], [FAILED], "named no relay"),
        (progress(), ["ice"], [ANSWERED], "DTLS"),
        (progress(refused=True, negotiated=False), ["ice", "dtls"], [], "does not take Opus"),
        (progress(negotiated=False), ["ice", "dtls"], [], "never said which sound"),
        (progress(), ["ice", "dtls"], [], "no sound came"),
    ],
)
def test_every_stage_has_its_cause(
    reached: SetupProgress, stages: list[str], pairs: list[PairReport], cause: str
) -> None:
    assert cause in likely_cause(reached, stages, pairs)
