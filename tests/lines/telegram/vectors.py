"""Values that the protocol's other implementations compute too."""

import json
from pathlib import Path
from typing import Any

VECTORS: dict[str, Any] = json.loads(Path(__file__).with_name("vectors.json").read_text())

DH = VECTORS["dh"]
PRIME = bytes.fromhex(DH["p"])
KEY = bytes.fromhex(DH["shared_key_256_bytes"])
G_A = bytes.fromhex(DH["g_a"])
G_B = bytes.fromhex(DH["g_b"])


def xored_secret(name: str) -> bytes:
    """The random bytes which, mixed with the server's, give the secret of that name."""
    mixed = int(DH[name], 16) ^ int(DH["server_random"], 16)
    return mixed.to_bytes(256, "big")
