import mmap
import os
import sys

import pytest

from jobs.render.protocol.memory import PeakMemory, ResidentSize

MIB = 1024 * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_the_resident_size_of_a_process_is_read_each_time() -> None:
    size = ResidentSize(os.getpid())
    before = size.read()
    with mmap.mmap(-1, 64 * MIB) as held:  # memory of its own, however much the process has freed before
        held.write(b"x" * len(held))
        after = size.read()
    assert before is not None
    assert after is not None
    assert after - before > 32 * MIB
    size.close()
    assert size.read() is None


def test_a_process_that_does_not_exist_has_no_resident_size() -> None:
    size = ResidentSize(2**22 + 1)
    assert size.read() is None
    size.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the peak can be reset on Linux only")
def test_the_peak_is_counted_since_the_reset() -> None:
    peak = PeakMemory()
    held = bytearray(os.urandom(1)) * (64 * MIB)
    high = peak.read()
    del held
    peak.reset()
    assert peak.read() < high - 32 * MIB
