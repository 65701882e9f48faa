"""The example of a third-party engine, put where Python finds it."""

import shutil
import tomllib
from pathlib import Path

EXAMPLE = Path(__file__).parents[3] / "examples" / "parrot"


def put_parrot(directory: Path) -> Path:
    """What an installer does with the example: its module, and the metadata that its pyproject.toml asks for."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    shutil.copy(EXAMPLE / "src" / "hullo_parrot.py", directory)
    metadata = directory / "hullo_parrot-1.0.dist-info"
    metadata.mkdir()
    about = ["Metadata-Version: 2.1", f"Name: {project['name']}", f"Version: {project['version']}"]
    (metadata / "METADATA").write_text("\n".join(about) + "\n")
    groups = (
        "\n".join([f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())])
        for group, entries in project["entry-points"].items()
    )
    (metadata / "entry_points.txt").write_text("\n".join(groups) + "\n")
    return directory
