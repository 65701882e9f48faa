"""The encrypted directory: for its owner, by one process, and never silently another one's content."""

import shutil
from pathlib import Path

import pytest

from hullo.lines.direct.private.vault import Vault, VaultError, file_name


def test_what_is_written_is_read_again_and_nothing_of_it_is_on_the_disk(tmp_path: Path) -> None:
    with Vault(tmp_path / "v") as vault:
        epoch = vault.epoch
        assert vault.read("a") is None
        vault.write("a", b"the secret")
        vault.write("a", b"another secret")
    for file in (tmp_path / "v").iterdir():
        assert b"secret" not in file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0
    with Vault(tmp_path / "v") as vault:
        assert vault.epoch == epoch
        assert vault.read("a") == b"another secret"


def crashed(vault: Path, copy: Path) -> Path:
    """What a crash leaves of a vault that is in use: the files as they are."""
    shutil.copytree(vault, copy)
    return copy


def test_a_crash_begins_another_epoch_and_so_it_stays(tmp_path: Path) -> None:
    with Vault(tmp_path / "v") as vault:
        vault.write("a", b"first")
        before = vault.epoch
        copy = crashed(tmp_path / "v", tmp_path / "copy")
    with Vault(copy) as vault:
        after = vault.epoch
        assert vault.read("a") == b"first"
    assert after != before
    with Vault(copy) as vault:
        assert vault.epoch == after


def test_a_wrong_passphrase_after_a_crash_does_not_lock_the_owner_out(tmp_path: Path) -> None:
    with Vault(tmp_path / "v", "correct horse") as vault:
        vault.write("a", b"first")
        copy = crashed(tmp_path / "v", tmp_path / "copy")
    with pytest.raises(VaultError, match="passphrase is wrong"), Vault(copy, "wrong horse"):
        pass
    with Vault(copy, "correct horse") as vault:
        assert vault.read("a") == b"first"


def test_a_key_that_has_gone_is_not_made_anew(tmp_path: Path) -> None:
    with Vault(tmp_path) as vault:
        vault.write("a", b"first")
    (tmp_path / "key").unlink()
    with pytest.raises(VaultError, match="key is missing"), Vault(tmp_path):
        pass
    assert not (tmp_path / "key").exists()


def test_a_disk_that_refuses_the_last_word_leaves_the_vault_free(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError), Vault(tmp_path):
        (tmp_path / "state.new").mkdir()
    (tmp_path / "state.new").rmdir()
    with Vault(tmp_path):
        pass


@pytest.mark.parametrize("change", ["flip", "swap"])
def test_changed_and_swapped_files_are_refused(tmp_path: Path, change: str) -> None:
    with Vault(tmp_path) as vault:
        vault.write("a", b"first")
        vault.write("b", b"second")
        sealed = (tmp_path / "a").read_bytes()
        (tmp_path / "b").write_bytes(sealed if change == "swap" else sealed[:-1] + bytes([sealed[-1] ^ 1]))
        with pytest.raises(VaultError, match="can't be decrypted"):
            vault.read("b")


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with Vault(tmp_path), pytest.raises(VaultError, match="in use by another process"), Vault(tmp_path):
        pass


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    with Vault(tmp_path) as vault:
        vault.write("a", b"first")
        (tmp_path / "a").chmod(0o644)
        with pytest.raises(VaultError, match="chmod 600"):
            vault.read("a")


def test_a_passphrase(tmp_path: Path) -> None:
    with Vault(tmp_path, "correct horse") as vault:
        vault.write("a", b"first")
    assert not (tmp_path / "key").exists()
    with pytest.raises(VaultError, match="passphrase is wrong"), Vault(tmp_path, "wrong horse"):
        pass
    with pytest.raises(VaultError, match="made with a passphrase"), Vault(tmp_path):
        pass
    with Vault(tmp_path, "correct horse") as vault:
        assert vault.read("a") == b"first"


def test_names_of_files_tell_nothing() -> None:
    assert "bob" not in file_name("session", "bob/phone")
