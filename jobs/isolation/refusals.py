"""Which system calls a confined process cannot make, and why. Pure.

All other calls are allowed: what they can do is limited by Landlock (files) or by the resource
limits, or they concern the process itself.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

OWN_PID = -1
"""Stands for the process id of the confined process."""

# Operations that are decided by an argument: `linux/sched.h`, `linux/fcntl.h`, `linux/prctl.h`,
# `asm-generic/ioctls.h`, `asm-generic/sockios.h`.
_CLONE_THREAD = 0x0001_0000
_CLONE_NEW_NAMESPACES = 0x7E02_0000
_CLONE_PTRACE = 0x0000_2000
_O_TMPFILE = 0x0040_0000  # without O_DIRECTORY, whose value depends on the architecture
_F_SETOWN, _F_SETSIG, _F_SETOWN_EX, _F_SETLEASE, _F_NOTIFY = 8, 10, 15, 1024, 1026
_F_SETLK, _F_SETLKW, _F_OFD_SETLK, _F_OFD_SETLKW = 6, 7, 37, 38
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_PTRACER = 1, 4, 0x5961_6D61
_TCGETS, _TIOCGWINSZ, _FIONREAD, _FIONBIO = 0x5401, 0x5413, 0x541B, 0x5421
_FIONCLEX, _FIOCLEX, _TCGETS2 = 0x5450, 0x5451, 0x802C_542A


class Comparison(Enum):
    """How a condition looks at an argument."""

    IS_NONE_OF = auto()
    """The argument equals none of the values."""
    IS_ONE_OF = auto()
    HAS_ANY_BIT = auto()
    HAS_NO_BIT = auto()
    IS_NOT_ZERO = auto()
    """All 64 bits are compared; the others look at the lower 32, as these calls do."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Refuses a call by one of its arguments, counted from 0."""

    argument: int
    comparison: Comparison
    values: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Calls that are refused: always, or if one of the conditions holds."""

    reason: str
    calls: str
    """Names, with blanks between them."""
    conditions: Sequence[Condition] = ()
    errno: int = errno.EPERM


_PROGRAMS = Refusal("It starts no program.", "execve execveat")
_OTHERS = Refusal(
    "It neither signals nor stops nor reads nor changes another process.",
    "tkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_open pidfd_getfd pidfd_send_signal ptrace "
    "process_vm_readv process_vm_writev process_madvise process_mrelease kcmp move_pages migrate_pages "
    "get_robust_list perf_event_open setpriority ioprio_set sched_setaffinity sched_setattr "
    "sched_setparam sched_setscheduler",
)

PROCESSES = (
    _PROGRAMS,
    Refusal(
        "It starts no process. Pango starts threads, so these are allowed.",
        "clone",
        (
            Condition(0, Comparison.HAS_NO_BIT, [_CLONE_THREAD]),
            Condition(0, Comparison.HAS_ANY_BIT, [_CLONE_NEW_NAMESPACES | _CLONE_PTRACE]),
        ),
    ),
    Refusal("The same, in older calls.", "fork vfork"),
    Refusal(
        "Its flags are in memory, where a filter cannot look. The C library uses clone instead.",
        "clone3",
        errno=errno.ENOSYS,
    ),
    Refusal("It stays in its process group, which the parent kills.", "setsid setpgid"),
    Refusal(
        "It signals itself only: abort() does.",
        "kill tgkill",
        (Condition(0, Comparison.IS_NONE_OF, [OWN_PID]),),
    ),
    _OTHERS,
    Refusal(
        "It does not raise its limits; it may read them.",
        "prlimit64",
        (Condition(2, Comparison.IS_NOT_ZERO),),
    ),
    Refusal("The same, in an older call.", "setrlimit"),
    Refusal(
        "It dies with its parent, and its memory stays closed to others.",
        "prctl",
        (Condition(0, Comparison.IS_ONE_OF, [_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_PTRACER]),),
    ),
)

FILES = (
    Refusal(
        "Landlock does not watch these: mode, owner, times and attributes of files, and their length "
        "by path before Linux 6.2.",
        "chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat utime utimes futimesat utimensat "
        "setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr truncate",
    ),
    Refusal("The parent counts files by name, so there are none without one.", "memfd_create memfd_secret"),
    Refusal("The same.", "open", (Condition(1, Comparison.HAS_ANY_BIT, [_O_TMPFILE]),)),
    Refusal("The same.", "openat", (Condition(2, Comparison.HAS_ANY_BIT, [_O_TMPFILE]),)),
    Refusal("Its flags are in memory, where a filter cannot look.", "openat2", errno=errno.ENOSYS),
    Refusal("It makes no devices and pipes.", "mknod mknodat"),
    Refusal(
        "It reaches no file around its path, and does not observe what others do with theirs.",
        "name_to_handle_at open_by_handle_at inotify_init inotify_init1 inotify_add_watch fanotify_init "
        "fanotify_mark",
    ),
    Refusal(
        "It does not lock the files of others, nor make the machine write at its command.",
        "flock sync syncfs quotactl quotactl_fd",
    ),
    Refusal(
        "It asks for no signal to another process by way of a file, and holds up nobody who opens or "
        "locks one.",
        "fcntl",
        (
            Condition(1, Comparison.IS_ONE_OF, [_F_SETOWN, _F_SETSIG, _F_SETOWN_EX, _F_SETLEASE, _F_NOTIFY]),
            Condition(1, Comparison.IS_ONE_OF, [_F_SETLK, _F_SETLKW, _F_OFD_SETLK, _F_OFD_SETLKW]),
        ),
    ),
    Refusal(
        "Of the thousands of operations on devices, it needs a few that ask, and those of its own files.",
        "ioctl",
        (
            Condition(
                1,
                Comparison.IS_NONE_OF,
                [_TCGETS, _TCGETS2, _TIOCGWINSZ, _FIONREAD, _FIONBIO, _FIONCLEX, _FIOCLEX],
            ),
        ),
    ),
)

NETWORK = (
    Refusal(
        "It has one socket, which is connected to its parent. With sendmsg it could send open files.",
        "socket socketpair connect bind listen accept accept4 sendmsg sendmmsg recvmsg recvmmsg setsockopt",
    ),
)

_NETWORK_OF_FORK_SERVER = (
    Refusal(
        "It has one socket, over which its parent sends it those of its children.",
        "socket socketpair connect bind listen accept accept4 sendmsg sendmmsg recvmmsg setsockopt",
    ),
)

SYSTEM = (
    Refusal(
        "Memory and messages shared with other processes of the same user.",
        "shmget shmat shmctl semget semop semtimedop semctl msgget msgsnd msgrcv msgctl mq_open mq_unlink",
    ),
    Refusal(
        "Namespaces and mounts: they would change what a path means.",
        "unshare setns chroot pivot_root mount umount2 mount_setattr move_mount open_tree fsopen fsconfig "
        "fsmount fspick statmount listmount",
    ),
    Refusal(
        "Becoming another user, if the parent runs as root.",
        "setuid setgid setreuid setregid setresuid setresgid setgroups setfsuid setfsgid capset",
    ),
    Refusal(
        "Large parts of the kernel that rendering does not use and attacks have used. io_uring also makes "
        "other calls, past this filter.",
        "bpf userfaultfd io_uring_setup io_uring_enter io_uring_register io_setup io_submit add_key "
        "request_key keyctl personality modify_ldt iopl ioperm",
    ),
    Refusal(
        "Administration of the machine, if the parent runs as root.",
        "init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff acct syslog "
        "vhangup settimeofday clock_settime adjtimex clock_adjtime sethostname setdomainname",
    ),
)


def refusals(*, network: bool) -> list[Refusal]:
    """Returns all refusals, without those of the network if `network` is allowed."""
    return [*PROCESSES, *FILES, *(() if network else NETWORK), *SYSTEM]


def refusals_of_fork_server() -> list[Refusal]:
    """Returns what a process does not need that forks render children, which confine themselves."""
    return [_PROGRAMS, _OTHERS, *_NETWORK_OF_FORK_SERVER, *SYSTEM]
