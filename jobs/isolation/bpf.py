"""Instructions of a seccomp filter: classic BPF programs. Pure.

The kernel runs the program at each system call. It has one register, the *accumulator*, reads the
number and the arguments of the call, jumps forward only, and ends with an answer.
Source: `linux/filter.h`, `linux/bpf_common.h`, `linux/seccomp.h`, and the manual page seccomp(2).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

# What a program reads: `struct seccomp_data` of `linux/seccomp.h`, on a little-endian machine.
CALL_NUMBER = 0
ARCHITECTURE = 4
_ARGUMENTS = 16

# Answers of a program. The lower 16 bits of `REFUSE` are an errno.
ALLOW = 0x7FFF_0000
REFUSE = 0x0005_0000
KILL_PROCESS = 0x8000_0000

# Operations: BPF_LD | BPF_W | BPF_ABS, BPF_JMP | BPF_JEQ and so on, BPF_RET.
LOAD = 0x20
JUMP_IF_EQUAL = 0x15
JUMP_IF_ABOVE = 0x25
JUMP_IF_ANY_BIT = 0x45
ANSWER = 0x06


class Instruction(NamedTuple):
    """`struct sock_filter`. `then` and `otherwise` are how many instructions a jump skips."""

    operation: int
    then: int
    otherwise: int
    value: int


Program = list[Instruction]


def low_half(argument: int) -> int:
    """Returns where the lower 32 bits of this argument are, counted from 0."""
    return _ARGUMENTS + 8 * argument


def high_half(argument: int) -> int:
    return low_half(argument) + 4


def load(place: int) -> Instruction:
    """Loads the 32 bits at `place` into the accumulator."""
    return Instruction(LOAD, 0, 0, place)


def if_equal(value: int, *, then: int = 0, otherwise: int = 0) -> Instruction:
    """Compares the accumulator, and skips `then` or `otherwise` instructions (255 at most)."""
    return Instruction(JUMP_IF_EQUAL, then, otherwise, value)


def if_above(value: int, *, then: int = 0, otherwise: int = 0) -> Instruction:
    return Instruction(JUMP_IF_ABOVE, then, otherwise, value)


def if_any_bit(mask: int, *, then: int = 0, otherwise: int = 0) -> Instruction:
    return Instruction(JUMP_IF_ANY_BIT, then, otherwise, mask)


def answer(value: int) -> Instruction:
    return Instruction(ANSWER, 0, 0, value)


def refuse(errno: int) -> Instruction:
    """Makes the system call fail with `errno`."""
    return answer(REFUSE | errno)


def encode(program: Iterable[Instruction]) -> bytes:
    """Returns the program as the kernel reads it."""
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
