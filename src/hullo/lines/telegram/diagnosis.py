"""Why the media of a call did not come about, as one sentence with the likely cause."""

from collections.abc import Sequence

import msgspec

from hullo.rtc.parameters import PairOutcome, PairReport


class SetupProgress(msgspec.Struct, kw_only=True):
    """How far the set-up of the media came."""

    relay_only: bool
    relays_named: int
    """TURN servers and reflectors."""
    local_candidates: int = 0
    remote_candidates: int = 0
    packets_received: int = 0
    messages_received: int = 0
    unusable_candidates: int = 0
    described: bool = False
    """The peer's InitialSetup came."""
    negotiated: bool = False
    """The peer has answered which sound it takes."""
    refused: bool = False
    """It takes none of ours."""
    discarded: int = 0
    """Packets and messages of the peer's app that could not be used."""
    foreign: int = 0
    """Those of them that the key of the call does not open."""
    problem: str = ""
    """What was wrong with the last of them."""


def likely_cause(progress: SetupProgress, stages: Sequence[str], pairs: Sequence[PairReport]) -> str:
    """One sentence. `stages` are those of the connection (`ice`, `dtls`), `pairs` its candidate pairs."""
    cause = _cause(progress, stages, pairs)
    if not progress.discarded:
        return cause
    return f"{cause} (discarded: {progress.discarded} of its packets or messages, the last because {progress.problem})"


def _cause(progress: SetupProgress, stages: Sequence[str], pairs: Sequence[PairReport]) -> str:
    if not progress.described:
        return _silent_peer(progress)
    if "ice" not in stages:
        return _no_path(progress, pairs)
    if "dtls" not in stages:
        return "a path was found, but the peer did not finish the DTLS handshake on it"
    if progress.refused:
        return "the peer's app does not take Opus, the only sound there is here"
    if not progress.negotiated:
        return "the peer's app connected, but never said which sound it takes"
    return "the peer's app connected, but no sound came from it"


def _silent_peer(progress: SetupProgress) -> str:
    if progress.packets_received == 0:
        return (
            "nothing came from the peer's app through Telegram after the call was answered: "
            "it did not start its call, or it lost its connection to Telegram"
        )
    if progress.messages_received == 0 and progress.foreign == 0:
        return "packets came from the peer's app, but no message in them"
    if progress.messages_received == 0:
        return "none of the peer's packets could be opened with the key of the call: the two apps have different keys"
    return "the peer's app sent messages, but not the one with its ICE credentials"


def _no_path(progress: SetupProgress, pairs: Sequence[PairReport]) -> str:
    if progress.local_candidates == 0:
        if progress.relay_only and progress.relays_named == 0:
            return "the two may only talk over relays (privacy settings), and Telegram named none"
        if progress.relay_only:
            return (
                f"the two may only talk over relays (privacy settings), and none of the {progress.relays_named} that "
                "Telegram named answered: is UDP to them blocked here?"
            )
        return "this host has no network address"
    if progress.remote_candidates == 0 and progress.unusable_candidates:
        return (
            f"none of the {progress.unusable_candidates} addresses that the peer's app named can be used, "
            "and none of its checks arrived"
        )
    if progress.remote_candidates == 0:
        return "the peer's app named no address to reach it at, and none of its checks arrived"
    if any(pair.outcome is PairOutcome.SUCCEEDED for pair in pairs):
        return "a path answered, but the peer never chose it"
    relays = "" if progress.relays_named else ", and Telegram named no relay"
    return f"none of {len(pairs)} pairs of addresses works: the two networks do not let them meet{relays}"
