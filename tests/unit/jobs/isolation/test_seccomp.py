"""The filter of both architectures, against the table of refusals."""

from __future__ import annotations

import errno
import re
import sys
from pathlib import Path

import pytest

from jobs.isolation import bpf
from jobs.isolation.call_numbers import CALL_NUMBERS, NEWEST
from jobs.isolation.refusals import OWN_PID, Comparison, Condition, Refusal, refusals
from jobs.isolation.seccomp import build
from testsupport.bpf_machine import run_filter

PID = 4242
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
HARMLESS = {
    "x86_64": {
        "read": 0,
        "write": 1,
        "mmap": 9,
        "futex": 202,
        "exit_group": 231,
        "openat": 257,
        "recvfrom": 45,
    },
    "aarch64": {
        "read": 63,
        "write": 64,
        "mmap": 222,
        "futex": 98,
        "exit_group": 94,
        "openat": 56,
        "recvfrom": 207,
    },
}
MACHINES = pytest.mark.parametrize("machine", ["x86_64", "aarch64"])


class Filter:
    """The filter of a machine."""

    def __init__(self, machine: str, *, network: bool = False) -> None:
        self._numbers = CALL_NUMBERS[machine]
        self._architecture = ARCHITECTURES[machine]
        self._code = bpf.encode(build(refusals(network=network), machine, PID))

    def number(self, number: int, *arguments: int, architecture: int | None = None) -> int:
        return run_filter(
            self._code,
            architecture=self._architecture if architecture is None else architecture,
            call=number,
            arguments=arguments,
        )

    def call(self, name: str, *arguments: int) -> int:
        return self.number(self._numbers[name], *arguments)


def refused(error: int = errno.EPERM) -> int:
    return bpf.REFUSE | error


@MACHINES
def test_every_refusal_without_condition_is_refused_whatever_the_arguments(machine: str) -> None:
    judge = Filter(machine)
    for refusal in refusals(network=False):
        if refusal.conditions:
            continue
        for name in set(refusal.calls.split()) & CALL_NUMBERS[machine].keys():
            for arguments in ((), (2**64 - 1,) * 6, (PID,) * 6):
                assert judge.call(name, *arguments) == refused(refusal.errno), name


def breaking(condition: Condition) -> list[int]:
    """Arguments that the condition refuses."""
    match condition.comparison:
        case Comparison.IS_ONE_OF:
            return list(condition.values)
        case Comparison.IS_NONE_OF:
            return [0x7FFFFFF1, 0xFFFFFFFF]
        case Comparison.HAS_ANY_BIT:
            return [1 << bit for bit in range(32) if condition.values[0] & 1 << bit]
        case Comparison.HAS_NO_BIT:
            return [0, ~condition.values[0]]
        case Comparison.IS_NOT_ZERO:
            return [1, 2**32, 2**63]


def keeping(condition: Condition) -> int:
    """An argument that the condition does not refuse."""
    match condition.comparison:
        case Comparison.IS_NONE_OF:
            return PID if condition.values[0] == OWN_PID else condition.values[0]
        case Comparison.HAS_NO_BIT:
            return condition.values[0]
        case _:
            return 0


def arguments_for(refusal: Refusal, broken: Condition | None = None, value: int = 0) -> list[int]:
    arguments = [0] * 6
    for condition in refusal.conditions:
        arguments[condition.argument] |= keeping(condition)
    if broken is not None:
        arguments[broken.argument] = value
        if broken.comparison is Comparison.HAS_ANY_BIT:
            arguments[broken.argument] |= arguments_for(refusal)[broken.argument]
    return arguments


@MACHINES
def test_every_condition_refuses_what_it_names_and_nothing_else(machine: str) -> None:
    judge = Filter(machine)
    for refusal in refusals(network=False):
        for name in set(refusal.calls.split()) & CALL_NUMBERS[machine].keys():
            for condition in refusal.conditions:
                assert judge.call(name, *arguments_for(refusal)) == bpf.ALLOW, name
                for value in breaking(condition):
                    arguments = arguments_for(refusal, condition, value)
                    assert judge.call(name, *arguments) == refused(refusal.errno), (name, hex(value))


@MACHINES
def test_a_call_that_the_table_does_not_name_is_allowed(machine: str) -> None:
    judge = Filter(machine)
    named = {
        CALL_NUMBERS[machine][name]
        for refusal in refusals(network=False)
        for name in refusal.calls.split()
        if name in CALL_NUMBERS[machine]
    }
    assert all(judge.number(number) == bpf.ALLOW for number in set(range(NEWEST + 1)) - named)
    assert all(judge.number(number) == bpf.ALLOW for number in HARMLESS[machine].values())


@MACHINES
def test_a_call_that_is_newer_than_the_table_answers_as_on_an_older_kernel(machine: str) -> None:
    judge = Filter(machine)
    for number in (NEWEST + 1, 500, 0x4000_0000, 0x4000_0000 + 59, 0xFFFF_FFFF):
        assert judge.number(number) == refused(errno.ENOSYS)


@MACHINES
@pytest.mark.parametrize("foreign", [0x40000003, 0x40000028, 0])
def test_a_call_of_another_architecture_ends_the_process(machine: str, foreign: int) -> None:
    assert Filter(machine).number(0, architecture=foreign) == bpf.KILL_PROCESS


@MACHINES
def test_with_network_only_the_calls_of_the_network_are_allowed_more(machine: str) -> None:
    closed, opened = Filter(machine), Filter(machine, network=True)
    more = {name for name in CALL_NUMBERS[machine] if closed.call(name) != opened.call(name)}
    assert {"socket", "connect", "sendmsg"} <= more
    assert not {"execve", "ptrace", "io_uring_setup"} & more


def test_the_table_names_only_calls_whose_numbers_are_known() -> None:
    names = [name for refusal in refusals(network=False) for name in refusal.calls.split()]
    assert set(names) <= CALL_NUMBERS["x86_64"].keys()
    assert len(names) == len(set(names)), "a call is judged once"


def test_the_two_architectures_know_the_same_calls_but_for_old_ones() -> None:
    assert CALL_NUMBERS["x86_64"].keys() - CALL_NUMBERS["aarch64"].keys() == {
        *("fork", "vfork", "open", "chmod", "chown", "lchown", "utime", "utimes", "futimesat", "mknod"),
        *("inotify_init", "modify_ldt", "iopl", "ioperm"),
    }
    for machine, numbers in CALL_NUMBERS.items():
        assert len(numbers) == len(set(numbers.values())), machine


def headers(pattern: str) -> str:
    """The text of a header of Linux, whatever the architecture of this machine."""
    found = [*Path("/usr/include").glob(pattern)] if sys.platform == "linux" else []
    if not found:
        pytest.skip("the headers of Linux are not installed here")
    return found[0].read_text()


@pytest.mark.parametrize(
    ("machine", "pattern", "names"),
    [
        ("x86_64", "**/asm/unistd_64.h", r"#define __NR_(\w+)\s+(\d+)"),
        ("aarch64", "asm-generic/unistd.h", r"#define __NR(?:3264)?_(\w+) (\d+)"),
    ],
)
def test_the_numbers_are_those_of_the_headers_of_linux(machine: str, pattern: str, names: str) -> None:
    known = dict(re.findall(names, headers(pattern)))
    ours = {name: number for name, number in CALL_NUMBERS[machine].items() if name in known}
    assert len(ours) > 100
    assert ours == {name: int(known[name]) for name in ours}
