"""Tokens: short-lived permission for a browser to follow one job, one batch or a channel. Pure.

JWTs (RFC 7519) signed with HS256 and a key derived for this purpose alone.
"""

from __future__ import annotations

import base64
import hmac
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jwt

from jobs.core.errors.request import TokenExpired, TokenInvalid
from jobs.core.secret_key import derive_key

JOBS_CHANNEL = "jobs"
_ALGORITHM = "HS256"
_PURPOSE = "tokens v1"
_MAX_CHARACTERS = 2048


@dataclass(frozen=True, slots=True)
class Scope:
    """What a token gives access to: exactly one of the three."""

    job_id: str | None = None
    batch_id: str | None = None
    channel: str | None = None

    def __post_init__(self) -> None:
        if len(self.claims()) != 1:
            raise ValueError("a scope names one of job_id, batch_id and channel")

    def claims(self) -> dict[str, str]:
        """Returns the member that is set, by name."""
        members = {"job_id": self.job_id, "batch_id": self.batch_id, "channel": self.channel}
        return {name: value for name, value in members.items() if value is not None}

    def covers(self, job_id: str, batch_id: str | None) -> bool:
        """Whether a job of the token's tenant may be read."""
        if self.channel is not None:
            return self.channel == JOBS_CHANNEL
        if self.batch_id is not None:
            return self.batch_id == batch_id
        return self.job_id == job_id


@dataclass(frozen=True, slots=True)
class Grant:
    """What a verified token permits, until `expires_at` (Unix seconds)."""

    tenant: str
    scope: Scope
    expires_at: float


class Tokens:
    """Mints and verifies tokens. The first secret signs, all verify: prepend one to rotate."""

    def __init__(self, secret_keys: Sequence[str]) -> None:
        self._keys = [derive_key(secret, _PURPOSE) for secret in secret_keys]

    def mint(self, tenant: str, scope: Scope, now: float, ttl_seconds: int) -> tuple[str, int]:
        """Returns a token, valid for at least `ttl_seconds`, and when it expires (Unix seconds)."""
        expires_at = math.ceil(now) + ttl_seconds
        claims = {"tenant": tenant, **scope.claims(), "iat": int(now), "exp": expires_at}
        # RFC 7515 section 7.1 by hand, for every submission: `jwt.encode` takes five times as long.
        signed = _HEADER + b"." + _base64url(_json(claims).encode())
        signature = hmac.digest(self._keys[0], signed, "sha256")
        return (signed + b"." + _base64url(signature)).decode("ascii"), expires_at

    def verify(self, token: str, now: float) -> Grant:
        """Returns what the token permits. Raises TokenInvalid, TokenExpired."""
        grant = _grant(self._claims(token))
        if grant.expires_at <= now:
            raise TokenExpired("The token has expired. Ask your server for a fresh one.")
        return grant

    def _claims(self, token: str) -> dict[str, Any]:
        if len(token) > _MAX_CHARACTERS:
            raise _invalid()
        for key in self._keys:
            try:
                # Expiry is checked against the caller's clock, not PyJWT's.
                return jwt.decode(
                    token, key, algorithms=[_ALGORITHM], options={"verify_exp": False, "verify_iat": False}
                )
            except jwt.InvalidSignatureError:
                continue
            except (jwt.InvalidTokenError, ValueError) as error:
                raise _invalid() from error
        raise _invalid()


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


_json = json.JSONEncoder(separators=(",", ":")).encode
_HEADER = _base64url(b'{"alg":"HS256","typ":"JWT"}')


def _grant(claims: dict[str, Any]) -> Grant:
    tenant, expires_at = claims.get("tenant"), claims.get("exp")
    members = {name: claims[name] for name in ("job_id", "batch_id", "channel") if name in claims}
    if not isinstance(tenant, str) or type(expires_at) is not int:
        raise _invalid()
    if len(members) != 1 or not all(isinstance(value, str) for value in members.values()):
        raise _invalid()
    return Grant(tenant, Scope(**members), expires_at)


def _invalid() -> TokenInvalid:
    return TokenInvalid("The token is not valid here. Ask your server for a fresh one.")
