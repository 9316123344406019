"""A render child that is a program of its own: `python -m jobs.render.child.main`.

Its standard input is one end of a socket pair to the worker. It receives its limits, restricts
itself, warms up and reports that it is ready. Then it serves one request after the other until the
worker closes the connection. On Linux, `jobs.render.child.fork_server` makes render children.
"""

from __future__ import annotations

from pathlib import Path

from jobs.render.child.channel import Channel, take_standard_input
from jobs.render.child.confine import confine, limit_resources
from jobs.render.child.frame_stack import with_large_frame_stack
from jobs.render.child.serving import OwnUse, load_engine, report_failed_start, serve
from jobs.render.protocol.limits import RenderLimits


def main() -> None:
    channel = Channel(take_standard_input())
    configuration = channel.receive().header
    limits = RenderLimits(**configuration["limits"])
    with report_failed_start(channel):
        limit_resources(parent_pid=configuration["parent_pid"], memory_bytes=limits.memory_bytes)
        engine_class = load_engine()
        # The files of /proc are opened while they can be. Warming up starts threads, which are
        # confined only if they start later.
        use = OwnUse()
        isolation = confine(limits.isolation, scratch=Path.cwd(), fonts=True, network=False)
        engine = engine_class(channel.ask)
        engine.warm_up()
    serve(channel, engine, limits, isolation, use)


if __name__ == "__main__":
    with_large_frame_stack(main)
