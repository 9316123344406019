from __future__ import annotations

from notifier.protocol.close_codes import Close, CloseCode


def test_a_close_reason_fits_into_a_close_frame_and_stays_text() -> None:
    close = Close.because(CloseCode.BAD_FRAME, "é" * 100)

    assert close.reason == "é" * 61
