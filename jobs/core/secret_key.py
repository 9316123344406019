"""Loads the installation's secret, and derives keys from it."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from jobs.core.settings import BadSetting, Settings

_EXPECTED = "at least 32 random characters, the same for every process"


def load_secret_keys(settings: Settings) -> tuple[str, ...]:
    """Returns `PRESSRUN_SECRET_KEY`, or else the key in the data directory, made if missing.

    Processes that start at the same time get the same key: the first one to link the file made it,
    the others read it. Raises BadSetting.
    """
    if settings.secret_key:
        return settings.secret_key
    path = settings.secret_key_file
    try:
        if not path.exists():
            _make(path)
        key = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(
            "PRESSRUN_SECRET_KEY", f"is not set, and {path} is no use ({error})", _EXPECTED
        ) from error
    if len(key) < 32:
        raise BadSetting("PRESSRUN_SECRET_KEY", f"is not set, and {path} holds no key", _EXPECTED)
    return (key,)


def derive_key(secret: str, purpose: str) -> bytes:
    """Returns 32 bytes for one purpose (HKDF-SHA256, RFC 5869), so that no two uses share a key."""
    return HKDF(SHA256(), length=32, salt=None, info=f"pressrun {purpose}".encode()).derive(secret.encode())


def _make(path: Path) -> None:
    """Writes another file and links it: no process reads half a key, and the first link wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        _sync_directory(path.parent)
    finally:
        draft.unlink()


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
