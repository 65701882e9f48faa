"""The page without a browser: its parts fit together, and what is only logic does what it should."""

import re
import subprocess
from pathlib import Path

from hullo.web.assets import load_assets
from tests.service.node_programs import node

TESTS = Path(__file__).parent / "page"
ASSETS = {path: asset.body.decode() for path, asset in load_assets().items()}
SCRIPTS = {path: text for path, text in ASSETS.items() if path.startswith("/js/")}
PAGE = ASSETS["/"]


def test_the_logic_of_the_page() -> None:
    done = subprocess.run(
        [node(), "--test", *sorted(map(str, TESTS.glob("*.test.mjs")))], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout


def test_every_element_that_a_script_asks_for_is_there() -> None:
    asked = {name for text in SCRIPTS.values() for name in re.findall(r'byId\("([\w-]+)"\)', text)}
    there = re.findall(r' id="([\w-]+)"', PAGE)
    assert asked
    assert asked <= set(there)
    assert len(there) == len(set(there))


def test_everything_that_is_loaded_is_there() -> None:
    icons = set(re.findall(r'<symbol id="([\w-]+)"', ASSETS["/icons.svg"]))
    assert set(re.findall(r"/icons\.svg#([\w-]+)", PAGE)) <= icons
    named = set(re.findall(r'(?:src|href)="(/[\w./-]+)"', PAGE))
    for text in SCRIPTS.values():
        named |= {f"/js{name}" if near else name for near, name in re.findall(r'from "(\.?)(/[\w./-]+)"', text)}
    assert named <= set(ASSETS)
    assert set(SCRIPTS) <= named, "a script that nobody loads"


def test_every_field_and_button_has_a_name() -> None:
    labels = set(re.findall(r'<label for="([\w-]+)"', PAGE))
    for tag in re.findall(r"<(?:select|input)\b[^>]*>", PAGE):
        if 'type="checkbox"' not in tag:  # those are inside their labels
            assert set(re.findall(r' id="([\w-]+)"', tag)) & labels, tag
    for button in re.findall(r"<button\b.*?</button>", PAGE, re.S):
        words = re.sub(r"<[^>]*>", "", button).strip()
        assert words or "aria-label" in button, button


def test_text_can_be_read_on_what_is_behind_it() -> None:
    """WCAG 2.2, 1.4.3: a contrast of 4.5 to 1, light and dark."""
    light, dark = re.findall(r":root \{(.*?)\}", ASSETS["/style.css"], re.S)
    for scheme in (light, dark):
        colours = dict(re.findall(r"--([\w-]+): (#\w+)", scheme))
        for text, behind in (
            ("text", "ground"), ("text", "card"), ("soft", "ground"), ("soft", "card"), ("accent-text", "accent"),
            ("danger-text", "danger"), ("text", "accent-soft"), ("text", "danger-soft"), ("accent", "accent-soft"),
            ("warn", "warn-soft"), ("danger", "danger-soft"), ("you", "accent-soft"), ("them", "ground"),
        ):  # fmt: skip
            assert contrast(colours[text], colours[behind]) >= 4.5, (text, behind)


def contrast(one: str, other: str) -> float:
    """The ratio of two colours, 1 to 21 (WCAG 2.2, contrast ratio)."""
    bright, less = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (less + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
