"""A store whose clock a test sets ahead or back, for every script of every process on it."""

from __future__ import annotations

from dataclasses import replace

from redis.asyncio import Redis

from jobs.store.scripts import Script, Scripts

HOUR_MS = 3_600_000
_AHEAD = "test:ahead_seconds"


class MovedScripts(Scripts):
    """The scripts, with the time of the store moved by what `set_clock` wrote there."""

    def script(self, name: str) -> Script:
        script = super().script(name)
        ahead = f"(redis.call('GET', '{_AHEAD}') or 0)"
        text = script.text.replace(
            "local t = redis.call('TIME')", f"local t = redis.call('TIME')\n  t[1] = t[1] + {ahead}"
        )
        # Ids of entries on the bus are made of the true time, so their age counts from it, too.
        assert "now - K_BUS_TTL_MS" in text or "K_BUS_TTL_MS" not in text
        text = text.replace("now - K_BUS_TTL_MS", f"now - 1000 * {ahead} - K_BUS_TTL_MS")
        return replace(script, text=text, digest="0" * 40)  # an unknown digest: the text is sent every time


async def set_clock(redis: Redis, *, ahead_ms: int) -> None:
    """Sets the clock of the store this much ahead of the true time (behind, if negative)."""
    await redis.set(_AHEAD, ahead_ms // 1000)
