"""Paths that a confined process may read: those that Python and rendering need.

No document, no result, no setting and no key lies below them.
"""

from __future__ import annotations

import ctypes
import mimetypes
import os
import site
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import jobs

_SYSTEM = (
    # Libraries that are loaded when they are first needed, and how the linker finds them.
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/etc/ld.so.cache",
    # Locales, time zones, character sets, and fonts of the system.
    "/usr/share",
    "/usr/local/share",
    "/etc/localtime",
    "/etc/fonts",
    "/dev/null",
    "/dev/urandom",
)
_NETWORK = (
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/services",
    "/etc/ssl",
    "/etc/pki",
    "/run/systemd/resolve",
)
"""Host names and certificates."""


def readable_paths(*, network: bool) -> list[Path]:
    """Returns the paths that Python and its packages need."""
    libraries = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    time_zones = os.environ.get("TZDIR", "")
    names = [*_SYSTEM, *mimetypes.knownfiles, *libraries, time_zones, *(_network() if network else ())]
    return [*_python(), *(Path(name) for name in names if name.startswith("/"))]


def _network() -> list[str]:
    import ssl  # a render child has no use for it

    certificates = ssl.get_default_verify_paths()
    files = [certificates.openssl_cafile, certificates.openssl_capath]
    return [*_NETWORK, *files, *(os.environ.get(name, "") for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"))]


@cache
def font_paths() -> list[Path]:
    """Returns the fonts of this machine, and the settings and the cache of fontconfig.

    Fontconfig is asked once, because people put fonts anywhere. It reads fonts that its cache does
    not have yet, so it must be called before the process is confined.
    """
    try:
        fontconfig = ctypes.CDLL("libfontconfig.so.1")
    except OSError:
        return []
    fontconfig.FcInit()
    return [
        path
        for function in ("FcConfigGetFontDirs", "FcConfigGetConfigFiles", "FcConfigGetCacheDirs")
        for path in _paths(fontconfig, function)
    ]


def _python() -> Iterator[Path]:
    """Yields the folders of the standard library, of packages, and of this package.

    The folder above this package is left out: in a checkout, it holds the data and ``.env``.
    """
    prefixes = {Path(prefix).resolve() for prefix in (sys.prefix, sys.base_prefix, sys.exec_prefix)}
    own = Path(jobs.__file__).parent
    yield own
    yield Path(sys.base_prefix) / "lib"
    for name in ("stdlib", "platstdlib", "purelib", "platlib"):
        yield Path(sysconfig.get_path(name))
    packages = {site.getusersitepackages(), *site.getsitepackages()}
    for entry in sys.path:
        path = Path(entry)
        is_installed = entry in packages or any(path.resolve().is_relative_to(prefix) for prefix in prefixes)
        if path.is_absolute() and is_installed and not own.is_relative_to(path):
            yield path


def _paths(fontconfig: ctypes.CDLL, function: str) -> Iterator[Path]:
    """Calls a function of fontconfig that returns a list of paths."""
    get = getattr(fontconfig, function)
    get.argtypes, get.restype = (ctypes.c_void_p,), ctypes.c_void_p
    following = fontconfig.FcStrListNext
    following.argtypes, following.restype = (ctypes.c_void_p,), ctypes.c_char_p
    done = fontconfig.FcStrListDone
    done.argtypes, done.restype = (ctypes.c_void_p,), None
    names = get(None)
    while (name := following(names)) is not None:
        yield Path(os.fsdecode(name))
    done(names)
