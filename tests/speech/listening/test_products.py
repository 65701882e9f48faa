import os
import subprocess
import sys

import numpy as np
import pytest

from hullo.speech.listening.products import product

_ALONE = """
import time
import numpy as np
from hullo.speech.endpointing.pitch import final_fall
speech = np.random.default_rng(3).normal(0, 3000, 32_000).astype(np.int16)
final_fall(speech)
others, own = time.process_time(), time.thread_time()
for _ in range(300):
    final_fall(speech)
own = time.thread_time() - own
print((time.process_time() - others) / own)
"""


@pytest.mark.parametrize("rows", [0, 1, 9, 10, 98, 1000])
def test_it_is_the_product(rows: int) -> None:
    random = np.random.default_rng(rows)
    left, right = random.normal(size=(rows, 64)), random.normal(size=(64, 320))
    assert np.allclose(product(left, right), left @ right)


def test_the_melody_of_two_seconds_wakes_no_thread_of_the_library() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    found = subprocess.run(
        [sys.executable, "-c", _ALONE], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert float(found.stdout) < 1.25  # with the library's own threads 2 on two cores: they spin beside this one
