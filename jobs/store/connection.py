"""One connection to the store that stays with its user, for calls that are made very often.

To choose, lock and probe a connection of a pool costs more than a small call itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from jobs.store.client import ANSWER_TIMEOUT_S

Command = tuple[Any, ...]


class DedicatedConnection:
    """A connection as the pool of `redis` makes them; made when first used, and after a loss.

    If `hides_losses`, a command whose connection was lost is sent a second time at once.
    """

    def __init__(self, redis: Redis, *, hides_losses: bool = True) -> None:
        self._pool = redis.connection_pool
        self._hides_losses = hides_losses
        self._connection: AbstractConnection | None = None

    async def call(self, *command: Any) -> Any:
        """As `ask`, for one command. Raises ResponseError if the store refuses it."""
        [answer] = await self.ask(command)
        if isinstance(answer, ResponseError):
            raise answer
        return answer

    async def ask(self, *commands: Command) -> list[Any]:
        """Returns the answers in order; for a command that the store refused, its ResponseError.

        One call at a time. If losses are hidden, commands must be safe to send twice. Raises what
        redis-py raises.
        """
        try:
            return await self._exchange(commands)
        except (RedisConnectionError, RedisTimeoutError):
            if not self._hides_losses:
                raise
            return await self._exchange(commands)

    async def _exchange(self, commands: Sequence[Command]) -> list[Any]:
        if self._connection is None:
            self._connection = await self._pool.get_connection()
            self._connection.socket_timeout = None  # instead of a timer for each command, one for all
        connection = self._connection
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
                return [await self._answer(connection) for _ in commands]
        except TimeoutError as error:  # closes the connection, so that no later command gets a late answer
            raise RedisTimeoutError(f"No answer within {ANSWER_TIMEOUT_S:g} s.") from error

    async def _answer(self, connection: AbstractConnection) -> Any:
        try:
            return await connection.read_response()
        except ResponseError as refusal:
            return refusal
