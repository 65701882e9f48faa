"""What all tests share: how much hypothesis tries. `make fuzz` tries more, and something new each time."""

import os

from hypothesis import settings

settings.register_profile("quick", derandomize=True, deadline=None, database=None)
settings.register_profile("fuzz", max_examples=1000, deadline=None, print_blob=True, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
