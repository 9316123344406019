"""The three processes, scraped as Prometheus does it."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.metrics_core import Metric
from redis.asyncio import Redis

from testsupport.deployment import Deployment
from testsupport.metrics import (
    OF_THE_PACKAGE,
    OPEN_METRICS,
    PROCESSES,
    asked_name,
    checked_by_promtool,
    families,
    problems,
    registry_of,
)
from testsupport.ports import free_port
from testsupport.waiting import eventually

LOG_NUMBER = {"worker": ("jobs", 1), "notifier": ("notifier", 2)}


def port_of(deployment: Deployment, process: str) -> int | None:
    lines = deployment.log_lines(*LOG_NUMBER[process])
    return next((line["port"] for line in lines if line["event"] == "metrics.listening"), None)


async def page_of(deployment: Deployment, process: str, accept: str = "text/plain") -> tuple[str, str]:
    port = deployment.port if process == "web" else port_of(deployment, process)
    url = f"http://127.0.0.1:{port}/metrics"
    async with deployment.http.get(url, headers={"accept": accept}) as answer:
        assert answer.status == 200
        return await answer.text(), answer.headers["content-type"]


async def scrape(deployment: Deployment, process: str) -> dict[str, Metric]:
    return families(*await page_of(deployment, process, OPEN_METRICS))


def total(family: Metric, suffix: str = "", **labels: str) -> float:
    return sum(
        sample.value
        for sample in family.samples
        if sample.name == family.name + suffix and labels.items() <= sample.labels.items()
    )


def declared(process: str) -> set[str]:
    """What the registry of a process has that has a value from the start, or may get one."""
    registry = registry_of(process)
    collectors = list(registry._collector_to_names)
    return {
        asked_name(family)
        for each in collectors
        for family in getattr(each, "describe", each.collect)()
        if not family.name.startswith(OF_THE_PACKAGE)
    }


async def test_what_the_processes_do_is_in_their_metrics(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    first = free_port()
    async with Deployment.running(
        redis_url, tmp_path, ("api", "jobs", "notifier"), PRESSRUN_METRICS_PORT=f"{first}-{first + 50}"
    ) as deployment:
        await eventually(lambda: all(port_of(deployment, each) for each in LOG_NUMBER))
        async with deployment.http.ws_connect(deployment.ws_url) as socket:
            await socket.send_json({"type": "subscribe", "channel": "jobs"})
            assert (await socket.receive_json())["type"] == "subscribed"
            job = await deployment.submit("<p>Hello")
            await deployment.until(job["id"], "succeeded")
            while (frame := await socket.receive_json())["type"] != "event" or (
                frame["event"]["type"] != "job.succeeded"
            ):
                pass

            worker = await scrape(deployment, "worker")
            assert total(worker["pressrun_jobs_ended_total"], "_total", status="succeeded") == 1
            assert total(worker["pressrun_render_seconds"], "_count", kind="pdf.render") == 1
            assert total(worker["pressrun_render_pages"], "_sum") == 1
            assert total(worker["pressrun_render_child_starts_total"], "_total") >= 2
            assert total(worker["pressrun_isolation_level"]) == 1
            assert total(worker["pressrun_job_wait_seconds"], "_count") == 1
            exemplars = [
                each.exemplar.labels for each in worker["pressrun_job_wait_seconds"].samples if each.exemplar
            ]
            assert exemplars == [{"job_id": job["id"]}]

            notifier = await scrape(deployment, "notifier")
            assert total(notifier["pressrun_event_push_seconds"], "_count") >= 2
            assert total(notifier["pressrun_push_connections"], transport="websocket") == 1
            assert total(notifier["pressrun_push_subscriptions"]) == 1
            assert total(notifier["pressrun_store_round_trip_seconds"], "_count") > 0

            web = await scrape(deployment, "web")
            assert total(web["pressrun_jobs_accepted_total"], "_total", kind="pdf.render") == 1
            assert total(web["pressrun_queue_waiting_jobs"]) == 0
            assert total(web["pressrun_queue_claimed_jobs"]) == 0
            assert total(web["pressrun_artifact_bytes"]) > 0

        for process in PROCESSES:
            found = await scrape(deployment, process)
            own = {name for name in found if not name.startswith(OF_THE_PACKAGE)}
            assert own <= declared(process)
            assert [problem for name in own for problem in problems(found[name])] == []
            text, content_type = await page_of(deployment, process)
            assert content_type.startswith("text/plain")
            assert checked_by_promtool(text) in ("", None)
