"""`pressrun webhooks listen` against the real processes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
from redis.asyncio import Redis

from testsupport.command import Command
from testsupport.deployment import Deployment
from testsupport.hooks import Receiver


async def test_it_registers_itself_verifies_prints_forwards_and_leaves(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    deployment = Deployment(redis_url, tmp_path, PRESSRUN_EGRESS_ALLOW="127.0.0.1")
    async with aiohttp.ClientSession() as deployment.http, Receiver.listening() as receiver:
        try:
            await deployment.start("api")
            await deployment.start("notifier")
            await deployment.ready()
            arguments = ("webhooks", "listen", "--url", deployment.url, "--forward-to", receiver.url)
            with Command(*arguments, directory=tmp_path) as command:
                secret = (await asyncio.to_thread(command.line, r"Secret: (whsec_\S+)\."))[1]
                job = await deployment.submit("<p>Hello</p>")
                await asyncio.to_thread(command.line, rf"job\.queued .*{job['id']}")
                await asyncio.to_thread(command.line, "answered 200")
                (request,) = await receiver.got(1)
                assert request.verified_by(secret)
                command.process.terminate()
                await asyncio.to_thread(command.line, "Endpoint removed")
            async with deployment.http.get(f"{deployment.url}/v1/webhook-endpoints") as answer:
                assert (await answer.json())["items"] == []
        finally:
            for _, process in deployment.processes:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
