"""Where the figures were measured: they mean little without it."""

import importlib.metadata
import os
import platform
import shutil
import subprocess
from pathlib import Path

_PACKAGES = ("aioice", "aiortc", "av", "numpy", "pylibsrtp")


def machine() -> dict[str, object]:
    """Processor, system, versions, and how busy the machine was in the last minute, the measurement included."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES} | _chromium(),
        "load_average_1_min": round(os.getloadavg()[0], 2),
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())


def _chromium() -> dict[str, str]:
    path = shutil.which("chromium")
    if path is None:
        return {}
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=30).stdout
    return {"chromium": said.removeprefix("Chromium ").split(" ")[0]}
