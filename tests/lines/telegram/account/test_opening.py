"""What is said when a library that an account needs is not installed."""

import sys

import pytest

from hullo.lines.telegram.account.client import TEST
from hullo.lines.telegram.account.opening import Library, LibraryMissing, client_maker
from tests.lines.telegram.account.test_session_file import SESSION


@pytest.mark.parametrize(
    ("library", "module", "missing"),
    [("kurigram", "pyrogram", "kurigram"), ("telethon", "telethon", "telethon"), ("telethon", "gmpy2", "gmpy2")],
)
def test_a_missing_library_is_named(
    library: Library, module: str, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == module or name.endswith(f"{library}_client")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(LibraryMissing, match=rf"{missing} is not installed: pip install \"hullo\[telegram\]\""):
        client_maker(library, SESSION, TEST)
