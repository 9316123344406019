"""How a connection ends: the close codes and what a client should do about each."""

from __future__ import annotations

import enum
from typing import NamedTuple

_MAX_REASON_BYTES = 123
"""RFC 6455, section 5.5: a control frame carries 125 bytes, two of them the code."""


class CloseCode(enum.IntEnum):
    """4400–4499 and 1009: do not reconnect, the same would happen again. Everything else: reconnect and resume."""

    MESSAGE_TOO_BIG = 1009
    """A frame above the size limit (RFC 6455)."""
    RESTART = 1012
    """This process is going away; another takes over."""
    OVERLOADED = 1013
    """No room now; come back later."""
    BAD_FRAME = 4400
    """Not a frame of this protocol."""
    UNAUTHENTICATED = 4401
    """No valid token in time."""
    FORBIDDEN = 4403
    """The origin or host is not allowed, or the token is another tenant's."""
    TOO_MANY_CONNECTIONS = 4409
    """The tenant's limit is reached."""
    TOKEN_EXPIRED = 4501
    """Reconnect with a fresh token."""
    UNRESPONSIVE = 4504
    """Pings were not answered; a client that reads this was only asleep."""
    TOO_SLOW = 4508
    """More events waited than the connection may queue."""


class Close(NamedTuple):
    """A decision to close. `reason` fits into a close frame."""

    code: CloseCode
    reason: str

    @classmethod
    def because(cls, code: CloseCode, reason: str) -> Close:
        return cls(code, reason.encode()[:_MAX_REASON_BYTES].decode(errors="ignore"))
