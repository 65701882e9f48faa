"""Missed calls in a real vault."""

from pathlib import Path

from hullo.lines.direct.actions import MissedCall
from hullo.lines.direct.missed import MAX_MISSED, MissedCalls
from hullo.lines.direct.private.vault import Vault


def test_they_outlive_the_process_and_have_a_bound(tmp_path: Path) -> None:
    with Vault(tmp_path / "vault") as vault:
        missed = MissedCalls(vault)
        for number in range(MAX_MISSED + 5):
            missed.append(MissedCall(person="alice", at=float(number), why="the caller gave up"))
    file = tmp_path / "vault" / "missed"
    assert file.stat().st_mode & 0o777 == 0o600
    assert b"alice" not in file.read_bytes()
    with Vault(tmp_path / "vault") as vault:
        again = MissedCalls(vault)
        assert [call.at for call in again] == [float(number) for number in range(5, MAX_MISSED + 5)]
        again.clear()
        assert len(MissedCalls(vault)) == 0


def test_what_cannot_be_read_is_begun_anew(tmp_path: Path) -> None:
    with Vault(tmp_path / "vault") as vault:
        vault.write("missed", b"of a later version")
        assert len(MissedCalls(vault)) == 0
