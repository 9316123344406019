import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.render.protocol import wire

HEADERS = st.dictionaries(st.text(max_size=5), st.text(max_size=20) | st.integers() | st.none(), max_size=4)
FRAMES = st.lists(st.tuples(HEADERS, st.binary(max_size=200)), max_size=5)


def decoder(**limits: int) -> wire.FrameDecoder:
    return wire.FrameDecoder(**{"max_header_bytes": 1000, "max_body_bytes": 200_000, **limits})


@given(FRAMES, st.lists(st.integers(min_value=1, max_value=60)))
def test_frames_are_decoded_however_their_bytes_are_cut(
    frames: list[tuple[dict[str, object], bytes]], cuts: list[int]
) -> None:
    stream = b"".join(b"".join(wire.encode(header, body)) for header, body in frames)
    received, decoding, at = [], decoder(), 0
    for cut in [*cuts, len(stream)]:
        received += decoding.feed(stream[at : at + cut])
        at += cut
    received += decoding.feed(stream[at:])
    assert [(frame.header, frame.body) for frame in received] == frames


def test_a_large_body_is_not_copied() -> None:
    body = bytes(100_000)
    assert wire.encode({"type": "x"}, body)[-1] is body
    (frame,) = decoder().feed(b"".join(wire.encode({"type": "x"}, body)))
    assert frame.body == body


def test_a_lone_surrogate_does_not_break_a_frame() -> None:
    (frame,) = decoder().feed(b"".join(wire.encode({"message": "lone \ud800 surrogate"})))
    assert frame.header == {"message": "lone ? surrogate"}


@pytest.mark.parametrize(("header_bytes", "body_bytes", "part"), [(1001, 0, "header"), (2, 200_001, "body")])
def test_a_frame_that_is_too_large_is_refused_before_it_arrives(
    header_bytes: int, body_bytes: int, part: str
) -> None:
    with pytest.raises(wire.FrameTooLarge) as refused:
        list(decoder().feed(struct.pack("!II", header_bytes, body_bytes)))
    assert refused.value.part == part


@pytest.mark.parametrize("header", [b"", b"[]", b"{", b'"x"', b"\xff\xfe", b"[" * 900, b"null"])
def test_a_header_that_is_not_a_json_object_is_refused(header: bytes) -> None:
    with pytest.raises(wire.BadFrame):
        list(decoder().feed(struct.pack("!II", len(header), 0) + header))
