"""The seccomp filter of a confined process: built from the table of refusals, and installed.

Source: the manual page seccomp(2), and `Documentation/userspace-api/seccomp_filter.rst` of Linux.
"""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Iterable, Sequence

from jobs.isolation import bpf
from jobs.isolation.call_numbers import CALL_NUMBERS, NEWEST
from jobs.isolation.linux import machine, system_call
from jobs.isolation.refusals import OWN_PID, Comparison, Condition, Refusal

_ARCHITECTURES = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
"""`AUDIT_ARCH_…` of `linux/audit.h`."""

_SET_MODE_FILTER = 1
_GET_ACTION_AVAIL = 2
_FLAG_TSYNC = 1
"""The filter applies to all threads of the process."""


def build(refusals: Iterable[Refusal], machine: str, pid: int) -> bpf.Program:
    """Returns the filter for a process with this id on a `machine` (``x86_64`` or ``aarch64``).

    A call of another architecture, such as a 32-bit one, has other numbers, so it ends the process.
    A number that the table does not know yet answers like an older kernel. This covers the x32
    calls of x86-64 as well, whose numbers begin at 2³⁰.
    """
    numbers = CALL_NUMBERS[machine]
    program = [
        bpf.load(bpf.ARCHITECTURE),
        bpf.if_equal(_ARCHITECTURES[machine], then=1),
        bpf.answer(bpf.KILL_PROCESS),
        bpf.load(bpf.CALL_NUMBER),
        bpf.if_above(NEWEST, otherwise=1),
        bpf.refuse(errno.ENOSYS),
    ]
    for refusal in refusals:
        judgement = _judgement(refusal, pid)
        for name in refusal.calls.split():
            if name in numbers:
                program += [bpf.if_equal(numbers[name], otherwise=len(judgement)), *judgement]
    return [*program, bpf.answer(bpf.ALLOW)]


def install(program: bpf.Program) -> None:
    """Filters the system calls of this process, for ever. The process needs no_new_privs.

    Raises:
        OSError: the kernel refuses it, or a filter is forbidden here.
    """
    code = ctypes.create_string_buffer(bpf.encode(program))
    arguments = ctypes.byref(_Program(len(program), code))
    stray_thread = system_call(_number(), _SET_MODE_FILTER, _FLAG_TSYNC, arguments)
    if stray_thread:
        raise OSError(errno.ESRCH, f"thread {stray_thread} has a filter of its own")


def why_missing() -> str | None:
    """Returns why this machine offers no filter, or None if it does."""
    if machine() is None:
        return "seccomp: Pressrun knows the system calls of Linux on x86-64 and aarch64 only"
    try:
        system_call(_number(), _GET_ACTION_AVAIL, 0, ctypes.byref(ctypes.c_uint32(bpf.KILL_PROCESS)))
    except OSError as error:
        return f"seccomp: the kernel or the container does not allow filters ({error.strerror})"
    return None


class _Program(ctypes.Structure):
    """`struct sock_fprog` of `linux/filter.h`."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))

    def __init__(self, length: int, code: ctypes.Array[ctypes.c_char]) -> None:
        super().__init__(length, ctypes.addressof(code))


def _number() -> int:
    return CALL_NUMBERS[machine() or ""]["seccomp"]


def _judgement(refusal: Refusal, pid: int) -> bpf.Program:
    """Returns the instructions for a call of this refusal. They always end with an answer."""
    if not refusal.conditions:
        return [bpf.refuse(refusal.errno)]
    program: bpf.Program = []
    for condition in refusal.conditions:
        program += _refused_if(condition, refusal.errno, pid)
    return [*program, bpf.answer(bpf.ALLOW)]


def _refused_if(condition: Condition, error: int, pid: int) -> bpf.Program:
    """Returns instructions that answer `error`, or continue after the last one."""
    values = [pid if value == OWN_PID else value for value in condition.values]
    load, refused = bpf.load(bpf.low_half(condition.argument)), bpf.refuse(error)
    match condition.comparison:
        case Comparison.IS_ONE_OF:
            return [load, *_skip_unless_equal(values), refused]
        case Comparison.IS_NONE_OF:
            return [load, *_skip_if_equal(values), refused]
        case Comparison.HAS_ANY_BIT:
            return [load, bpf.if_any_bit(values[0], otherwise=1), refused]
        case Comparison.HAS_NO_BIT:
            return [load, bpf.if_any_bit(values[0], then=1), refused]
        case Comparison.IS_NOT_ZERO:
            return [
                load,
                bpf.if_equal(0, otherwise=2),
                bpf.load(bpf.high_half(condition.argument)),
                bpf.if_equal(0, then=1),
                refused,
            ]


def _skip_if_equal(values: Sequence[int]) -> bpf.Program:
    """Returns comparisons that skip one instruction behind them if a value is equal."""
    return [bpf.if_equal(value, then=len(values) - place) for place, value in enumerate(values)]


def _skip_unless_equal(values: Sequence[int]) -> bpf.Program:
    """Returns comparisons that skip one instruction behind them unless a value is equal."""
    *first, last = values
    jumps = [bpf.if_equal(value, then=len(first) - place) for place, value in enumerate(first)]
    return [*jumps, bpf.if_equal(last, otherwise=1)]
