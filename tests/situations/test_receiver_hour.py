"""An hour of call, in seconds."""

import pytest

from hullo.media.netsim import NetworkProfile
from tests.situations.virtual_call import ToneLoop, VirtualCall

PPM = 1e-6


@pytest.mark.soak
@pytest.mark.timeout(600)  # 15 s on an idle machine, and many times that on a busy one
def test_clocks_that_drift_by_200_ppm_for_an_hour() -> None:
    call = VirtualCall(NetworkProfile(delay=0.02, jitter=0.001), sender=ToneLoop(), skew=200 * PPM)
    delays = []
    for minute in range(60):
        if minute == 30:
            call.skew = -200 * PPM
        call.run(60)
        delays.append(call.delay(call.now - 10, call.now))
        call.forget()
    # Each half hour the clocks part by 360 ms. The delay moves within one frame, as packets move against pulls.
    assert min(delays) > 0.02 + 0.02
    assert max(delays) < 0.02 + 0.02 + 0.0065 + 0.027
    stats = call.receiver.stats()
    assert stats.packets_received > 179_000
    assert stats.packets_late == stats.packets_lost == stats.restarts == 0
    assert stats.accelerated_ms > 300
    assert stats.stretched_ms + stats.concealed_ms > 300
    assert stats.concealed_ms < 400
