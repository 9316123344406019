"""Signing secrets and custom headers of webhook targets, encrypted in the store."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from jobs.core.errors.request import RequestError
from jobs.core.secret_box import CannotOpen, SecretBox

PREFIX = "whsec_"
_PURPOSE = "webhook secrets v1"
_SECRET_BYTES = range(24, 65)
"""How long a secret may be: 24 to 64 bytes (Standard Webhooks 1.0.0, "Symmetric")."""


class CredentialsUnreadable(RequestError, code="credentials_unreadable", status=409):
    """No key in `PRESSRUN_SECRET_KEY` decrypts the credentials: the right one is gone."""


def new_secret() -> str:
    """Returns ``whsec_`` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def secret_bytes(secret: str) -> bytes:
    """Returns the bytes that sign. Raises ValueError if `secret` does not look like a secret."""
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
    """A signing secret. After a rotation, `until_ms` (Unix milliseconds) ends its grace period."""

    text: str = field(repr=False)
    until_ms: int | None = None

    @cached_property
    def key(self) -> bytes:
        return secret_bytes(self.text)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Secrets, the newest first, and the headers that the owner of the endpoint has set."""

    secrets: tuple[Secret, ...]
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def fresh(cls) -> Credentials:
        return cls((Secret(new_secret()),))

    def signing(self, now_ms: int) -> list[bytes]:
        """Returns the keys that sign now, the newest first."""
        return [secret.key for secret in self.secrets if secret.until_ms is None or secret.until_ms > now_ms]

    def rotated(self, secret: str, now_ms: int, grace_ms: int) -> Credentials:
        """Returns credentials with a new secret.

        The previous secret goes on signing for `grace_ms`; older ones stop. If `secret` is the
        newest already, nothing changes: a rotation whose answer was lost may be made again.
        """
        if secret == self.secrets[0].text:
            return self
        previous = replace(self.secrets[0], until_ms=now_ms + grace_ms)
        return replace(self, secrets=(Secret(secret), previous) if grace_ms else (Secret(secret),))


class CredentialsBox:
    """Encrypts credentials, bound to their owner: the id of an endpoint, or ``tenant:…``."""

    def __init__(self, secret_keys: Sequence[str]) -> None:
        self._box = SecretBox(secret_keys, _PURPOSE)

    def seal(self, credentials: Credentials, owner: str) -> str:
        document = {
            "secrets": [[secret.text, secret.until_ms] for secret in credentials.secrets],
            "headers": dict(credentials.headers),
        }
        return self._box.seal(document, owner)

    def open(self, sealed: str | bytes, owner: str) -> Credentials:
        """Raises CredentialsUnreadable."""
        try:
            document = self._box.open(sealed, owner)
        except CannotOpen:
            raise _unreadable(owner) from None
        found = tuple(Secret(text, until_ms) for text, until_ms in document["secrets"])
        return Credentials(found, document["headers"])


def tenant_owner(tenant: str) -> str:
    """Returns the owner of the secret that signs deliveries to the `webhook_url`s of a tenant."""
    return f"tenant:{tenant}"


def _unreadable(owner: str) -> CredentialsUnreadable:
    or_else = ", or rotate the endpoint's secret and set its headers again" if owner.startswith("we_") else ""
    return CredentialsUnreadable(
        f"The webhook secret of {owner} cannot be read. Put the key it was sealed with back into "
        f"PRESSRUN_SECRET_KEY (after a comma; one made while that was not set is in the file secret_key of "
        f"PRESSRUN_DATA_DIR){or_else}."
    )
