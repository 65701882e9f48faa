"""What the documentation prints of the code is what the code says."""

from pathlib import Path

from hullo.call.states import transitions_as_markdown

DOCS = Path(__file__).parents[2] / "docs"


def test_the_printed_state_table_is_the_real_one() -> None:
    page = (DOCS / "house.md").read_text()
    assert f"<!-- states -->\n{transitions_as_markdown()}\n<!-- /states -->" in page
