"""The session file, on a real file system."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from hullo.lines.telegram.account.people import MOST, USERNAME_GOOD_FOR, People
from hullo.lines.telegram.account.session_file import Session, SessionFile, SessionFileError
from hullo.lines.telegram.port import User

SESSION = Session(api_id=1, dc=2, host="127.0.0.1", port=443, auth_key=bytes(range(256)), user_id=7)


def test_written_for_its_owner_only(tmp_path: Path) -> None:
    old_mask = os.umask(0)
    try:
        file = SessionFile(tmp_path / "deep" / "down" / "telegram.session")
        file.store(SESSION)
    finally:
        os.umask(old_mask)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    assert file.load() == SESSION
    assert [one.name for one in file.path.parent.iterdir()] == ["telegram.session"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o620])
def test_refused_when_others_may_use_it(tmp_path: Path, mode: int) -> None:
    file = SessionFile(tmp_path / "s")
    file.store(SESSION)
    file.path.chmod(mode)
    with pytest.raises(SessionFileError, match=f"chmod 600 {file.path}"):
        file.load()
    file.path.chmod(0o600)
    assert file.load() == SESSION


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_refused_when_it_is_somebody_elses(tmp_path: Path) -> None:
    file = SessionFile(tmp_path / "s")
    file.store(SESSION)
    os.chown(file.path, 12345, 12345)
    with pytest.raises(SessionFileError, match="belongs to user 12345"):
        file.load()


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"SQLite format 3\x00" + bytes(100), b'{"api_id":1,"dc":2,"host":"h","port":1}']
)
def test_something_else_is_not_taken_for_one(tmp_path: Path, content: bytes) -> None:
    file = SessionFile(tmp_path / "s")
    file.path.write_bytes(content)
    file.path.chmod(0o600)
    with pytest.raises(SessionFileError, match="not a session file"):
        file.load()


def test_not_there(tmp_path: Path) -> None:
    with pytest.raises(SessionFileError, match="hullo telegram login"):
        SessionFile(tmp_path / "s").load()
    with pytest.raises(SessionFileError, match="is not a file"):
        SessionFile(tmp_path).load()


def test_a_lock_that_is_gone_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "s"
    program = (
        "import sys; from pathlib import Path; from hullo.lines.telegram.account.session_file import SessionFile\n"
        "with SessionFile(Path(sys.argv[1])).locked():\n    print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(SessionFileError, match="in use by another process"), SessionFile(path).locked():
            pass
        other.kill()
    with SessionFile(path).locked():
        pass


def user(user_id: int, username: str | None) -> User:
    return User(id=user_id, access_hash=-user_id, username=username)


def test_people_are_kept_between_runs(tmp_path: Path) -> None:
    people = People(tmp_path / "s.users")
    people.load()
    people.remember([user(1, "Anna"), user(2, None)], now=100.0)
    people.save()
    assert stat.S_IMODE((tmp_path / "s.users").stat().st_mode) == 0o600
    again = People(tmp_path / "s.users")
    again.load()
    assert again.by_id(2) == user(2, None)
    assert again.by_username("aNNa", 100.0) == user(1, "Anna")


def test_a_username_is_not_trusted_for_ever() -> None:
    people = People()
    people.remember([user(1, "anna")], now=0.0)
    assert people.by_username("anna", USERNAME_GOOD_FOR - 1) == user(1, "anna")
    assert people.by_username("anna", USERNAME_GOOD_FOR) is None
    people.remember([user(2, "anna")], now=USERNAME_GOOD_FOR)  # somebody else's now
    assert people.by_username("anna", USERNAME_GOOD_FOR) == user(2, "anna")


def test_as_many_people_as_are_useful() -> None:
    people = People()
    people.remember([user(one, None) for one in range(MOST + 10)], now=0.0)
    assert people.by_id(9) is None
    assert people.by_id(10) is not None


def test_a_file_of_people_that_is_damaged_or_open_to_others(tmp_path: Path) -> None:
    path = tmp_path / "s.users"
    path.write_bytes(b"[{")
    path.chmod(0o600)
    people = People(path)
    people.load()
    people.remember([user(1, "anna")], now=0.0)
    people.save()
    path.chmod(0o644)
    people = People(path)
    people.load()
    assert people.by_id(1) is None
