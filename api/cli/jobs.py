"""`pressrun jobs`: lists the jobs of a running server; shows, cancels, retries or deletes one."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from api.cli.client import job_text
from api.cli.client.server import Server, url_option, with_server
from jobs.core.job import JobStatus


@click.group(invoke_without_command=True)
@click.option(
    "--status", type=click.Choice([status.value for status in JobStatus]), help="Only jobs with this status."
)
@click.option("--kind", help="Only jobs of this kind.")
@click.option("--tag", help="Only jobs with this tag.")
@click.option("--batch", help="Only jobs of this batch.")
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="The most to list.")
@url_option
@click.pass_context
def jobs(context: click.Context, /, **filters: Any) -> None:
    """List jobs, newest first, or act on one job with a command below."""
    if context.invoked_subcommand is None:
        context.invoke(list_jobs, **filters)


@jobs.command("list", hidden=True)
@with_server
async def list_jobs(server: Server, batch: str | None = None, **filters: Any) -> None:
    """List jobs, newest first."""
    page = await server.get("/v1/jobs", batch_id=batch, **filters)
    if not page["items"]:
        click.echo("No jobs.")
        return
    console = Console(highlight=False)
    for line in _table(page["items"]):
        if console.is_terminal:  # programs get whole lines
            line.truncate(console.width, overflow="ellipsis")
        console.print(line, soft_wrap=True)
    if page["next_cursor"]:
        click.echo("There are more: use --limit or a filter.", err=True)


def _command_on_a_job(command: Callable[..., Coroutine[Any, Any, None]]) -> click.Command:
    return jobs.command()(click.argument("job_id", metavar="ID")(with_server(command)))


def _table(items: list[dict[str, Any]]) -> Iterator[Text]:
    """Formats a line for each job. The outcome is last, because a terminal cuts off the end."""
    now = datetime.datetime.now(datetime.UTC)
    kind_width = max(len(job["kind"]) for job in items)
    yield Text(f"{'ID':<30}  {'STATUS':<9}  {'KIND':<{kind_width}}  {'CREATED':<10}  OUTCOME", style="bold")
    for job in items:
        line = Text(f"{job['id']}  ")
        line.append(f"{job['status']:<9}", style=job_text.STYLES[job["status"]])
        created = job_text.age(job["created_at"], now)
        line.append(f"  {job['kind']:<{kind_width}}  {created:<10}  {job_text.titled_outcome(job)}".rstrip())
        yield line


@_command_on_a_job
async def show(server: Server, job_id: str) -> None:
    """Show everything about one job, and its events."""
    job = await server.get(f"/v1/jobs/{job_id}")
    events = await server.get(f"/v1/jobs/{job_id}/events")
    console = Console(highlight=False)
    console.print(Text(job["id"], style="bold"), soft_wrap=True)
    status = Text(job["status"], style=job_text.STYLES[job["status"]])
    _print_facts(console, [("status", status), *((name, Text(value)) for name, value in _facts(job))])
    for event in events["items"]:
        console.print(Text(f"{event['timestamp']}  {event['type']}", style="dim"), soft_wrap=True)


def _print_facts(console: Console, facts: list[tuple[str, Text]]) -> None:
    """Prints a table that folds long values in a terminal, and one line for each fact in a pipe."""
    if not console.is_terminal:
        width = max(len(name) for name, _ in facts)
        for name, value in facts:
            console.print(Text.assemble(f"{name:<{width}}  ", value), soft_wrap=True)
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for row in facts:
        table.add_row(*row)
    console.print(table)


def _facts(job: dict[str, Any]) -> list[tuple[str, str]]:
    """Lists names and values, without those that are empty."""
    result, error = job["result"] or {}, job["error"] or {}
    facts = [
        ("kind", job["kind"]),
        ("attempt", f"{job['attempt']} of {job['max_attempts']}"),
        ("priority", job["priority"]),
        ("created", job["created_at"]),
        ("scheduled", job["scheduled_at"]),
        ("started", job["started_at"]),
        ("finished", job["finished_at"]),
        ("expires", job["expires_at"]),
        ("position", str(job["queue"]["position"]) if "queue" in job else None),
        ("error" if error else "outcome", job_text.outcome(job)),
        ("title", result.get("title")),
        ("result", result.get("url")),
        *(job_text.warning(each) for each in result.get("warnings", [])),
        ("tags", ", ".join(job["tags"])),
        ("metadata", ", ".join(f"{name}: {value}" for name, value in job["metadata"].items())),
        ("batch", job["batch_id"]),
        ("retry of", job["retry_of"]),
    ]
    return [(name, value) for name, value in facts if value]


@_command_on_a_job
async def cancel(server: Server, job_id: str) -> None:
    """Cancel a job that has not finished."""
    await server.send("POST", f"/v1/jobs/{job_id}/cancel")
    click.echo(f"{job_id} is cancelled.")


@_command_on_a_job
async def retry(server: Server, job_id: str) -> None:
    """Run a failed or cancelled job again, as a new one."""
    job = await server.send("POST", f"/v1/jobs/{job_id}/retry")
    click.echo(f"{job['id']} is {job['status']}: it repeats {job_id}.")


@_command_on_a_job
async def delete(server: Server, job_id: str) -> None:
    """Delete a finished job with its input and result."""
    await server.send("DELETE", f"/v1/jobs/{job_id}")
    click.echo(f"{job_id} is deleted.")
