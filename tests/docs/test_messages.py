"""The program in docs/messages.md runs, and says what it should."""

import re
import subprocess
import sys
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "messages.md").read_text()


def test_the_program_of_the_page_records_and_plays(tmp_path: Path) -> None:
    [program] = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert re.fullmatch(r"2\.0 s, \d+ bytes\nplayed up to 2\.0 s\n", ran.stdout)
