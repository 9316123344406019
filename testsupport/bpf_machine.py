"""Runs seccomp filters as the kernel does, without installing them."""

from __future__ import annotations

import struct
from collections.abc import Sequence

_ENDS = 0x06


def run_filter(code: bytes, *, architecture: int, call: int, arguments: Sequence[int] = ()) -> int:
    """Returns the answer of an encoded program to a system call.

    Raises:
        AssertionError: the kernel would not accept the program.
    """
    padded = [*arguments, *[0] * (6 - len(arguments))]
    call_data = struct.pack("<IIQ6Q", call % 2**32, architecture, 0, *(value % 2**64 for value in padded))
    program = list(struct.iter_unpack("=HBBI", code))
    assert len(program) <= 4096
    accumulator, place = 0, 0
    while True:
        assert place < len(program), "a jump leads behind the end"
        operation, then, otherwise, value = program[place]
        place += 1
        if operation == _ENDS:
            return int(value)
        if operation == 0x20:
            assert value % 4 == 0
            (accumulator,) = struct.unpack_from("<I", call_data, value)
            continue
        holds = {
            0x15: accumulator == value,
            0x25: accumulator > value,
            0x45: bool(accumulator & value),
        }[operation]
        place += then if holds else otherwise
