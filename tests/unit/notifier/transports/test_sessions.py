from __future__ import annotations

import asyncio

from jobs.core.settings import Settings
from jobs.core.tokens import Tokens
from notifier.fanout.hub import Hub
from notifier.protocol.close_codes import CloseCode
from notifier.transports.sessions import Sessions
from testsupport.push_fakes import NoLimits, Records


async def test_new_clients_are_sent_elsewhere_while_the_store_has_not_answered_the_release() -> None:
    is_asked, answers = asyncio.Event(), asyncio.Event()

    class SlowLimits(NoLimits):
        async def release(self) -> None:
            is_asked.set()
            await answers.wait()

    records = Records()
    sessions = Sessions(Settings(), Tokens(("k" * 32,)), Hub(records, records, SlowLimits()))
    headers = [("host", "localhost:8000")]
    assert sessions.refusal(headers) is None

    stopping = asyncio.create_task(sessions.stop_admitting())
    await is_asked.wait()
    refusal = sessions.refusal(headers)
    assert refusal is not None
    assert refusal.code == CloseCode.RESTART
    answers.set()
    await stopping
