"""What a target's requests carry that nobody else may know: signing secrets and custom headers, sealed at rest."""

from __future__ import annotations

import base64
import binascii
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from jobs.core.errors.request import RequestError
from jobs.core.secret_key import derive_key

PREFIX = "whsec_"
_PURPOSE = "webhook secrets v1"
_NONCE_BYTES = 12
_SECRET_BYTES = range(24, 65)
"""How long a secret may be (Standard Webhooks 1.0.0, "Symmetric": between 24 bytes and 64 bytes)."""


class CredentialsUnreadable(RequestError):
    """No key in force opens the seal: `PRESSRUN_SECRET_KEY` lost the key it was made with."""

    code = "credentials_unreadable"
    status = 409


def new_secret() -> str:
    """``whsec_`` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def secret_bytes(secret: str) -> bytes:
    """The bytes that sign. Raises ValueError where `secret` has not the shape of a secret."""
    if not secret.startswith(PREFIX):
        raise ValueError(f"should start with {PREFIX}")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"should be base64 after {PREFIX}") from None
    if len(key) not in _SECRET_BYTES:
        raise ValueError(f"should hold {_SECRET_BYTES.start} to {_SECRET_BYTES.stop - 1} bytes")
    return key


@dataclass(frozen=True)
class Secret:
    """One signing secret; `until_ms` (Unix milliseconds) is the end of its grace period after a rotation."""

    text: str = field(repr=False)
    until_ms: int | None = None

    @cached_property
    def key(self) -> bytes:
        """The bytes that sign."""
        return secret_bytes(self.text)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The newest secret first. `headers` are the owner's own."""

    secrets: tuple[Secret, ...]
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def fresh(cls) -> Credentials:
        return cls((Secret(new_secret()),))

    def signing(self, now_ms: int) -> list[bytes]:
        """The keys that sign now, the newest first."""
        return [secret.key for secret in self.secrets if secret.until_ms is None or secret.until_ms > now_ms]

    def rotated(self, secret: str, now_ms: int, grace_ms: int) -> Credentials:
        """With a new secret. The one before goes on signing for `grace_ms`; older ones stop."""
        previous = replace(self.secrets[0], until_ms=now_ms + grace_ms)
        return replace(self, secrets=(Secret(secret), previous) if grace_ms else (Secret(secret),))


class SecretBox:
    """Seals credentials with AES-256-GCM, bound to their owner. The first key seals, all open."""

    def __init__(self, secret_keys: Sequence[str]) -> None:
        self._ciphers = [AESGCM(derive_key(key, _PURPOSE)) for key in secret_keys]

    def seal(self, credentials: Credentials, owner: str) -> str:
        """`owner` is an endpoint's id, or ``tenant:…``: a seal moved elsewhere does not open."""
        document = {
            "secrets": [[secret.text, secret.until_ms] for secret in credentials.secrets],
            "headers": dict(credentials.headers),
        }
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[0].encrypt(nonce, json.dumps(document).encode(), owner.encode())
        return base64.b64encode(nonce + sealed).decode()

    def open(self, sealed: str | bytes, owner: str) -> Credentials:
        """Raises CredentialsUnreadable."""
        try:
            raw = base64.b64decode(sealed, validate=True)
        except binascii.Error:
            raise _unreadable(owner) from None
        for cipher in self._ciphers:
            try:
                plain = cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], owner.encode())
            except (InvalidTag, ValueError):
                continue
            document = json.loads(plain)
            found = tuple(Secret(text, until_ms) for text, until_ms in document["secrets"])
            return Credentials(found, document["headers"])
        raise _unreadable(owner)


def tenant_owner(tenant: str) -> str:
    """Who owns the secret that signs deliveries to a job's `webhook_url`."""
    return f"tenant:{tenant}"


def _unreadable(owner: str) -> CredentialsUnreadable:
    or_else = ", or rotate the endpoint's secret and set its headers again" if owner.startswith("we_") else ""
    return CredentialsUnreadable(
        f"The webhook secret of {owner} cannot be read. Put the key it was sealed with back into "
        f"PRESSRUN_SECRET_KEY (after a comma; one made while that was not set is in the file secret_key of "
        f"PRESSRUN_DATA_DIR){or_else}."
    )
