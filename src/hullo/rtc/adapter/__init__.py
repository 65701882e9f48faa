"""The only place that knows private names of aioice and aiortc; tests/rtc/test_contract.py guards every one of them."""

import logging

# aioice tells IP addresses at INFO. Whoever wants them sets the level of this logger after the import.
_aioice = logging.getLogger("aioice")
if _aioice.level == logging.NOTSET:
    _aioice.setLevel(logging.WARNING)
