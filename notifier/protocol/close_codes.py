"""The close codes of a WebSocket connection, and what a client does on each."""

from __future__ import annotations

import enum
from typing import NamedTuple

_MAX_REASON_BYTES = 123
"""RFC 6455, section 5.5: a control frame carries 125 bytes, two of them the code."""


class CloseCode(enum.IntEnum):
    """On 4400–4499 and 1009 a client does not reconnect: it would be closed for the same reason.

    On every other code it reconnects and resumes.
    """

    MESSAGE_TOO_BIG = 1009
    """A message was larger than allowed (RFC 6455)."""
    RESTART = 1012
    """This process stops; another one takes over."""
    OVERLOADED = 1013
    """This process has no room for more connections now."""
    BAD_FRAME = 4400
    """A message was not a frame of this protocol."""
    UNAUTHENTICATED = 4401
    """The client sent no valid token in time."""
    FORBIDDEN = 4403
    """The origin or host is not allowed, or the token belongs to another tenant."""
    TOKEN_EXPIRED = 4501
    """The token has expired: reconnect with a fresh one."""
    UNRESPONSIVE = 4504
    """The client did not answer pings. One that still reads this was only suspended."""
    TOO_SLOW = 4508
    """The send buffer was full: the client reads more slowly than events come."""
    TOO_MANY_CONNECTIONS = 4529
    """The tenant has as many connections as it may have now. A client waits longer each time."""


class Close(NamedTuple):
    """A code, and a reason that fits into a close frame."""

    code: CloseCode
    reason: str

    @classmethod
    def because(cls, code: CloseCode, reason: str) -> Close:
        return cls(code, reason.encode()[:_MAX_REASON_BYTES].decode(errors="ignore"))
