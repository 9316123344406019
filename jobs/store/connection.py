"""A line to the store: one connection that stays with who uses it, for what is called very often.

Beside what a pool does around each call (choosing, locking, probing for stale connections), the call itself is small.
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
    """Connects when first used, by the settings of the pool of `redis`, and again after the connection was lost.

    Where `hides_losses`, a lost connection costs one immediate second try and nobody hears of it.
    """

    def __init__(self, redis: Redis, *, hides_losses: bool = True) -> None:
        self._pool = redis.connection_pool
        self._hides_losses = hides_losses
        self._connection: AbstractConnection | None = None

    async def call(self, *command: Any) -> Any:
        """The answer to one command. As `ask`, but raises ResponseError where the store refuses it."""
        [answer] = await self.ask(command)
        if isinstance(answer, ResponseError):
            raise answer
        return answer

    async def ask(self, *commands: Command) -> list[Any]:
        """The answers in their order, among them the error of each command that the store refused.

        One call at a time. Where losses are hidden, commands must be safe to send twice. Raises what redis-py raises
        for a store that does not answer.
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
            self._connection.socket_timeout = None  # a task and a timer for each command; here is one for all
        connection = self._connection
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await connection.send_packed_command(connection.pack_commands(commands), check_health=False)
                return [await self._answer(connection) for _ in commands]
        except TimeoutError as error:  # the connection is closed: no late answer is taken for another's
            raise RedisTimeoutError(f"No answer within {ANSWER_TIMEOUT_S:g} s.") from error

    async def _answer(self, connection: AbstractConnection) -> Any:
        try:
            return await connection.read_response()
        except ResponseError as refusal:
            return refusal
