"""What code that has taken over a child process may try: each attempt is a function.

An attempt returns what it has gained, or raises OSError if it is refused. Attempts harm nothing but
what the test has made for them, so that they can be made without isolation as well.
"""

from __future__ import annotations

import array
import ctypes
import errno
import fcntl
import os
import resource
import signal
import socket
import struct
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import jobs
from jobs.isolation.call_numbers import CALL_NUMBERS
from jobs.isolation.linux import machine, prctl, system_call

PAGE = 4096
VICTIMS_SECRET = b"the secret of the victim"


@dataclass(frozen=True, slots=True)
class Targets:
    """What an attacker would want; strings, so that they can be sent as JSON."""

    parent_pid: int
    victim_pid: int
    """Another process of the same user."""
    victim_address: int
    """Where it has `VICTIMS_SECRET` in its memory."""
    secret: str
    """A file with a secret. It is in a directory with nothing else."""
    victim: str
    """A file that may be changed and removed."""
    tcp_port: int
    udp_port: int
    unix_path: str
    abstract_name: str


Attempt = Callable[[Targets], object]
ATTEMPTS: dict[str, Attempt] = {}
NETWORK = set[str]()
NEEDS_MORE = set[str]()
"""Attempts that even an unconfined process of root may fail at, by the kernel's configuration."""


def attempt(function: Attempt) -> Attempt:
    ATTEMPTS[function.__name__] = function
    return function


def rarely(function: Attempt) -> Attempt:
    """An attempt that may be refused without isolation, too."""
    NEEDS_MORE.add(function.__name__)
    return attempt(function)


def network(function: Attempt) -> Attempt:
    """An attempt that the process which fetches assets may make."""
    NETWORK.add(function.__name__)
    return attempt(function)


def call(name: str, *arguments: object) -> int:
    return system_call(CALL_NUMBERS[machine() or ""][name], *arguments)


def reaches(attempt: Callable[[], object], *errors: int) -> object:
    """Makes a call that the kernel refuses for another reason, with one of `errors`, if it may be
    made at all."""
    try:
        return attempt() or "gained"
    except OSError as error:
        if error.errno in errors:
            return "gained"
        raise


def allocated(size: int) -> ctypes.Array[ctypes.c_char]:
    return ctypes.create_string_buffer(size)


# --- files ------------------------------------------------------------------------------------


@attempt
def read_a_secret(targets: Targets) -> object:
    return Path(targets.secret).read_bytes()


@attempt
def list_the_folder_of_a_secret(targets: Targets) -> object:
    return os.listdir(Path(targets.secret).parent)


@attempt
def read_a_secret_through_the_root_of_this_process(targets: Targets) -> object:
    return Path(f"/proc/self/root{targets.secret}").read_bytes()


@attempt
def read_a_secret_through_a_path_descriptor(targets: Targets) -> object:
    place = os.open(targets.secret, os.O_PATH)
    try:
        return Path(f"/proc/self/fd/{place}").read_bytes()
    finally:
        os.close(place)


@attempt
def read_a_secret_through_a_symbolic_link(targets: Targets) -> object:
    link = Path(tempfile.gettempdir()) / "link"
    link.symlink_to(targets.secret)
    return link.read_bytes()


@attempt
def read_a_secret_through_a_hard_link(targets: Targets) -> object:
    link = Path(tempfile.gettempdir()) / "hard-link"
    os.link(targets.secret, link)
    return link.read_bytes()


@attempt
def read_a_secret_by_a_new_kind_of_open(targets: Targets) -> object:
    how = struct.pack("QQQ", os.O_RDONLY, 0, 0)
    opened = call("openat2", -100, ctypes.c_char_p(targets.secret.encode()), ctypes.c_char_p(how), len(how))
    return os.read(opened, 100)


@rarely
def read_a_secret_by_its_handle(targets: Targets) -> object:
    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + bytes(128))
    mount = ctypes.c_int()
    call(
        "name_to_handle_at",
        -100,
        ctypes.c_char_p(targets.secret.encode()),
        ctypes.byref(handle),
        ctypes.byref(mount),
        0,
    )
    root = os.open("/", os.O_RDONLY)
    return os.read(call("open_by_handle_at", root, ctypes.byref(handle), 0), 100)


@attempt
def read_the_environment_of_another_process(targets: Targets) -> object:
    return Path(f"/proc/{targets.victim_pid}/environ").read_bytes()[:20]


@attempt
def read_the_environment_of_the_parent(targets: Targets) -> object:
    return Path(f"/proc/{targets.parent_pid}/environ").read_bytes()[:20]


@attempt
def read_the_memory_of_another_process(targets: Targets) -> object:
    with Path(f"/proc/{targets.victim_pid}/mem").open("rb", 0) as memory:
        memory.seek(targets.victim_address)
        return memory.read(len(VICTIMS_SECRET))


@attempt
def list_the_open_files_of_the_parent(targets: Targets) -> object:
    return os.listdir(f"/proc/{targets.parent_pid}/fd")


@attempt
def read_its_own_memory_through_proc(targets: Targets) -> object:
    buffer = ctypes.create_string_buffer(b"own")
    with Path("/proc/self/mem").open("r+b", 0) as memory:
        memory.seek(ctypes.addressof(buffer))
        return memory.read(3)


@attempt
def list_all_processes(targets: Targets) -> object:
    return os.listdir("/proc")


@attempt
def write_into_the_packages_of_python(targets: Targets) -> object:
    return _write(Path(os.__file__).parent / "site-packages" / "pressrun_attack.py")


@attempt
def write_into_the_code_of_pressrun(targets: Targets) -> object:
    return _write(Path(jobs.__file__).parent / "pressrun_attack.py")


@attempt
def write_into_the_home_directory(targets: Targets) -> object:
    return _write(Path.home() / ".pressrun_attack")


@attempt
def write_into_the_common_temporary_directory(targets: Targets) -> object:
    return _write(Path("/tmp/pressrun_attack"))


@attempt
def write_into_shared_memory(targets: Targets) -> object:
    return _write(Path("/dev/shm/pressrun_attack"))


@attempt
def write_into_another_file(targets: Targets) -> object:
    return Path(targets.victim).write_text("gained")


@attempt
def make_another_file_shorter(targets: Targets) -> object:
    return os.truncate(targets.victim, 0) or "gained"


@attempt
def open_the_mode_of_another_file(targets: Targets) -> object:
    return os.chmod(targets.victim, 0o666) or "gained"


@attempt
def change_the_mode_through_a_path_descriptor(targets: Targets) -> object:
    call("fchmodat", -100, ctypes.c_char_p(targets.victim.encode()), 0o666, 0)
    return "gained"


@attempt
def give_another_file_away(targets: Targets) -> object:
    return os.chown(targets.victim, os.getuid(), os.getgid()) or "gained"


@attempt
def change_the_times_of_another_file(targets: Targets) -> object:
    return os.utime(targets.victim, (1, 1)) or "gained"


@rarely
def set_an_attribute_of_another_file(targets: Targets) -> object:
    return os.setxattr(targets.victim, "user.pressrun", b"gained") or "gained"


@attempt
def rename_another_file(targets: Targets) -> object:
    os.rename(targets.victim, targets.victim + ".moved")
    os.rename(targets.victim + ".moved", targets.victim)
    return "gained"


@attempt
def remove_another_file(targets: Targets) -> object:
    os.unlink(targets.victim)
    Path(targets.victim).write_text("victim")
    return "gained"


@attempt
def make_a_pipe_with_a_name(targets: Targets) -> object:
    return os.mkfifo(f"{tempfile.gettempdir()}/fifo") or "gained"


@rarely
def make_a_device(targets: Targets) -> object:
    return os.mknod(f"{tempfile.gettempdir()}/kmem", 0o600 | 0o060000, os.makedev(1, 1)) or "gained"


@attempt
def observe_the_folder_of_a_secret(targets: Targets) -> object:
    observer = call("inotify_init1", 0)
    return call(
        "inotify_add_watch", observer, ctypes.c_char_p(str(Path(targets.secret).parent).encode()), 0xFFF
    )


@attempt
def lock_a_file_that_can_be_read(targets: Targets) -> object:
    with Path(os.__file__).open() as file:
        return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB) or "gained"


@attempt
def lock_a_range_of_a_file_that_can_be_read(targets: Targets) -> object:
    with Path(os.__file__).open() as file:
        return fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB) or "gained"


@attempt
def keep_a_file_without_a_name(targets: Targets) -> object:
    return os.open(tempfile.gettempdir(), os.O_TMPFILE | os.O_RDWR)


@attempt
def keep_a_file_that_was_removed(targets: Targets) -> object:
    path = f"{tempfile.gettempdir()}/removed"
    with open(path, "wb"):
        return os.unlink(path) or "gained"


@attempt
def keep_a_file_in_memory(targets: Targets) -> object:
    return os.memfd_create("attack")


# --- network ----------------------------------------------------------------------------------


@network
def connect_by_tcp(targets: Targets) -> object:
    with socket.create_connection(("127.0.0.1", targets.tcp_port), timeout=5) as connection:
        return connection.getpeername()


@network
def send_by_udp(targets: Targets) -> object:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        return sender.sendto(b"x", ("127.0.0.1", targets.udp_port))


@network
def connect_to_a_unix_socket(targets: Targets) -> object:
    with socket.socket(socket.AF_UNIX) as connection:
        return connection.connect(targets.unix_path) or "gained"


@network
def connect_to_an_abstract_socket(targets: Targets) -> object:
    with socket.socket(socket.AF_UNIX) as connection:
        return connection.connect("\0" + targets.abstract_name) or "gained"


@network
def listen_for_connections(targets: Targets) -> object:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()


@network
def ask_the_kernel_for_its_routes(targets: Targets) -> object:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) as kernel:
        return kernel.fileno()


@network
def make_a_pair_of_sockets(targets: Targets) -> object:
    return socket.socketpair()


@network
def send_an_open_file_to_the_parent(targets: Targets) -> object:
    with open(os.devnull) as file, socket.socket(fileno=os.dup(_socket_to_the_parent())) as parent:
        passed = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file.fileno()]).tobytes())
        return parent.sendmsg([], [passed]) or "gained"


@network
def change_the_socket_to_the_parent(targets: Targets) -> object:
    with socket.socket(fileno=os.dup(_socket_to_the_parent())) as parent:
        return parent.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1) or "gained"


# --- processes --------------------------------------------------------------------------------


@attempt
def run_a_shell(targets: Targets) -> object:
    return subprocess.check_output(["/bin/sh", "-c", "echo gained"])


@attempt
def become_another_program(targets: Targets) -> object:
    return reaches(lambda: os.execv("/nothing-here", ["x"]), errno.ENOENT)


@attempt
def become_a_program_in_a_descriptor(targets: Targets) -> object:
    nothing = (ctypes.c_char_p * 1)(None)
    place = os.open("/usr/lib", os.O_PATH)
    path = ctypes.c_char_p(b"nothing-here")
    return reaches(lambda: call("execveat", place, path, nothing, nothing, 0), errno.ENOENT)


@attempt
def fork(targets: Targets) -> object:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    return os.waitpid(pid, 0)


@attempt
def clone_without_the_c_library(targets: Targets) -> object:
    pid = call("clone", signal.SIGCHLD, None, None, None, 0)
    if pid == 0:
        os._exit(0)
    return os.waitpid(pid, 0)


@attempt
def clone_in_the_new_way(targets: Targets) -> object:
    arguments = ctypes.create_string_buffer(struct.pack("11Q", 0, 0, 0, 0, signal.SIGCHLD, *[0] * 6))
    pid = call("clone3", ctypes.byref(arguments), 88)
    if pid == 0:
        os._exit(0)
    return os.waitpid(pid, 0)


@attempt
def signal_the_parent(targets: Targets) -> object:
    return os.kill(targets.parent_pid, 0) or "gained"  # signal 0 only asks whether it may


@attempt
def signal_all_processes_of_the_group(targets: Targets) -> object:
    return os.kill(0, 0) or "gained"


@attempt
def signal_a_thread_of_the_parent(targets: Targets) -> object:
    return call("tgkill", targets.parent_pid, targets.parent_pid, 0) or "gained"


@attempt
def signal_by_thread(targets: Targets) -> object:
    return call("tkill", targets.parent_pid, 0) or "gained"


@attempt
def signal_with_a_value(targets: Targets) -> object:
    information = ctypes.create_string_buffer(struct.pack("iii", 0, 0, -1) + bytes(116))
    return call("rt_sigqueueinfo", targets.parent_pid, 0, ctypes.byref(information)) or "gained"


@attempt
def signal_by_descriptor(targets: Targets) -> object:
    return signal.pidfd_send_signal(os.pidfd_open(targets.parent_pid), 0) or "gained"


@attempt
def have_the_kernel_signal_the_parent(targets: Targets) -> object:
    reading, _ = os.pipe()
    return fcntl.fcntl(reading, fcntl.F_SETOWN, targets.parent_pid) or "gained"


@attempt
def have_the_kernel_signal_the_parent_by_ioctl(targets: Targets) -> object:
    with socket.socket(fileno=os.dup(_socket_to_the_parent())) as own:
        fcntl.ioctl(own, 0x8901, struct.pack("i", targets.parent_pid))  # FIOSETOWN
        return "gained"


@attempt
def take_a_file_of_the_parent(targets: Targets) -> object:
    return call("pidfd_getfd", os.pidfd_open(targets.parent_pid), 0, 0)


@rarely
def leave_the_process_group(targets: Targets) -> object:
    return os.setpgid(0, 0) or "gained"


@rarely
def leave_the_session(targets: Targets) -> object:
    return os.setsid()


@attempt
def trace_another_process(targets: Targets) -> object:
    return (
        call("ptrace", 0x4206, targets.victim_pid, None, None) or "gained"
    )  # PTRACE_SEIZE: does not stop it


@attempt
def read_another_process_by_a_call(targets: Targets) -> object:
    return _of_process("process_vm_readv", targets)


@attempt
def write_another_process_by_a_call(targets: Targets) -> object:
    return _of_process("process_vm_writev", targets)


@rarely
def compare_with_the_parent(targets: Targets) -> object:
    return call("kcmp", os.getpid(), targets.parent_pid, 1, 0, 0) + 1


@attempt
def slow_the_parent_down(targets: Targets) -> object:
    priority = os.getpriority(os.PRIO_PROCESS, targets.parent_pid)
    return os.setpriority(os.PRIO_PROCESS, targets.parent_pid, priority) or "gained"


@attempt
def move_the_parent_to_one_core(targets: Targets) -> object:
    cores = os.sched_getaffinity(targets.parent_pid)
    return os.sched_setaffinity(targets.parent_pid, cores) or "gained"


@attempt
def limit_the_parent(targets: Targets) -> object:
    limits = resource.prlimit(targets.parent_pid, resource.RLIMIT_NOFILE)
    return resource.prlimit(targets.parent_pid, resource.RLIMIT_NOFILE, limits)


def _raise_limit(which: int) -> object:
    _, hard = resource.getrlimit(which)
    try:
        return resource.setrlimit(which, (hard, hard)) or "gained"
    except ValueError:  # Python's word for EPERM
        raise PermissionError(errno.EPERM, "setrlimit") from None


@attempt
def raise_the_limit_of_files(targets: Targets) -> object:
    return _raise_limit(resource.RLIMIT_NOFILE)


@attempt
def raise_the_limit_of_file_size(targets: Targets) -> object:
    return _raise_limit(resource.RLIMIT_FSIZE)


@attempt
def raise_the_limit_of_memory(targets: Targets) -> object:
    return _raise_limit(resource.RLIMIT_AS)


@attempt
def survive_the_parent(targets: Targets) -> object:
    return prctl(1, 0) or "gained"


@attempt
def open_its_own_memory_to_others(targets: Targets) -> object:
    return prctl(4, 1) or "gained"


# --- the kernel -------------------------------------------------------------------------------


@rarely
def mount_a_file_system(targets: Targets) -> object:
    arguments = (ctypes.c_char_p(text) for text in (b"none", b"/nothing-here", b"tmpfs"))
    return reaches(lambda: call("mount", *arguments, 0, None), errno.ENOENT)


@rarely
def unmount_a_file_system(targets: Targets) -> object:
    return reaches(lambda: call("umount2", ctypes.c_char_p(b"/nothing-here"), 0), errno.ENOENT)


@rarely
def enter_the_namespace_of_the_parent(targets: Targets) -> object:
    return call("setns", os.open(f"/proc/{targets.parent_pid}/ns/uts", os.O_RDONLY), 0) or "gained"


@rarely
def change_the_root(targets: Targets) -> object:
    return os.chroot("/") or "gained"


@rarely
def use_io_uring(targets: Targets) -> object:
    return call("io_uring_setup", 1, ctypes.byref(allocated(120)))


@rarely
def load_a_program_into_the_kernel(targets: Targets) -> object:
    attributes = struct.pack("IIII", 2, 4, 8, 1) + bytes(112)  # BPF_MAP_CREATE of an array
    return call("bpf", 0, ctypes.c_char_p(attributes), len(attributes))


@rarely
def add_a_key(targets: Targets) -> object:
    return call(
        "add_key", ctypes.c_char_p(b"user"), ctypes.c_char_p(b"pressrun"), ctypes.c_char_p(b"x"), 1, -3
    )


@rarely
def read_keys(targets: Targets) -> object:
    return call("keyctl", 0, -3, 1)


@rarely
def handle_page_faults(targets: Targets) -> object:
    return call("userfaultfd", 1)


@rarely
def measure_others(targets: Targets) -> object:
    attributes = ctypes.create_string_buffer(struct.pack("II", 1, 128) + bytes(120))
    return call("perf_event_open", ctypes.byref(attributes), targets.parent_pid, -1, -1, 0)


@rarely
def share_memory_with_others(targets: Targets) -> object:
    return call("shmget", 0, PAGE, 0o1666)


@rarely
def open_a_queue_of_messages(targets: Targets) -> object:
    return call("mq_open", ctypes.c_char_p(b"pressrun"), os.O_RDWR | os.O_CREAT, 0o600, None)


@attempt
def change_the_personality(targets: Targets) -> object:
    return call("personality", 0) + 1


@rarely
def become_root(targets: Targets) -> object:
    return os.setuid(0) or "gained"


@rarely
def load_a_module(targets: Targets) -> object:
    return reaches(lambda: call("init_module", None, 0, None), errno.ENOEXEC, errno.EFAULT, errno.EINVAL)


@rarely
def set_the_clock(targets: Targets) -> object:
    return reaches(lambda: call("clock_settime", -1, None), errno.EINVAL)


@rarely
def restart_the_machine(targets: Targets) -> object:
    return reaches(lambda: call("reboot", 0, 0, 0, None), errno.EINVAL)  # without the magic numbers


@rarely
def make_a_user_namespace(targets: Targets) -> object:  # the last one: it loses the rights of root
    return call("unshare", 0x10000000) or "gained"


def _write(path: Path) -> object:
    path.write_text("gained")
    path.unlink()
    return "gained"


def _socket_to_the_parent() -> int:
    """The socket over which a render child talks to its parent."""
    for number in range(3, 20):
        with suppress(OSError), socket.socket(fileno=os.dup(number)) as found:
            if found.family == socket.AF_UNIX:
                return number
    raise OSError(errno.ENOTSOCK, "this child has no socket")


def _of_process(name: str, targets: Targets) -> object:
    buffer = ctypes.create_string_buffer(VICTIMS_SECRET)
    size = len(VICTIMS_SECRET)
    here = ctypes.c_char_p(struct.pack("QQ", ctypes.addressof(buffer), size))
    there = ctypes.c_char_p(struct.pack("QQ", targets.victim_address, size))
    call(name, targets.victim_pid, here, 1, there, 1, 0)
    return buffer.value
