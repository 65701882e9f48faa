"""What the documentation prints of the code is what the code says; scripts/write-docs mends it."""

from pathlib import Path

from hullo.call.states import transitions_as_markdown
from hullo.service.methods import METHODS
from hullo.service.openrpc import document
from hullo.service.reference import as_markdown

DOCS = Path(__file__).parents[2] / "docs"


def test_the_printed_state_table_is_the_real_one() -> None:
    page = (DOCS / "house.md").read_text()
    assert f"<!-- states -->\n{transitions_as_markdown()}\n<!-- /states -->" in page


def test_the_printed_protocol_is_the_real_one() -> None:
    assert (DOCS / "protocol.md").read_text() == as_markdown(document(list(METHODS.values())))
