import mmap
import os
import sys
import threading

import pytest

from jobs.render.protocol.memory import PeakMemory, ProcessUse

MIB = 1024 * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_what_a_process_uses_is_read_each_time() -> None:
    process = ProcessUse(os.getpid())
    before = process.read()
    done = threading.Event()
    threads = [threading.Thread(target=done.wait) for _ in range(3)]
    with mmap.mmap(-1, 64 * MIB) as held:  # memory of its own, however much the process has freed before
        held.write(b"x" * len(held))
        for thread in threads:
            thread.start()
        after = process.read()
    done.set()
    assert before is not None
    assert after is not None
    assert after.resident_bytes - before.resident_bytes > 32 * MIB
    assert after.threads > len(threads)
    process.close()
    assert process.read() is None


def test_a_process_that_does_not_exist_uses_nothing() -> None:
    process = ProcessUse(2**22 + 1)
    assert process.read() is None
    process.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the peak can be reset on Linux only")
def test_the_peak_is_counted_since_the_reset() -> None:
    peak = PeakMemory()
    held = bytearray(os.urandom(1)) * (64 * MIB)
    high = peak.read()
    del held
    peak.reset()
    assert peak.read() < high - 32 * MIB
