"""A store as readable JSON: every key with its type, content and time to live."""

from __future__ import annotations

import base64
from typing import Any

from redis.asyncio import Redis


async def dump(redis: Redis) -> dict[str, Any]:
    """All keys of the store, in order. Bytes that are not UTF-8 become ``{"base64": …}``."""
    found = {}
    for key in sorted(await redis.keys("*")):
        kind = (await redis.type(key)).decode()
        ttl_ms = await redis.pttl(key)
        entry = {
            "type": kind,
            **({"ttl_ms": ttl_ms} if ttl_ms > 0 else {}),
            "value": await _read(redis, key, kind),
        }
        if kind == "stream":
            entry["last_id"] = _text((await redis.xinfo_stream(key))["last-generated-id"])
            entry["groups"] = [await _group(redis, key, group) for group in await redis.xinfo_groups(key)]
        found[_text(key)] = entry
    return found


async def load(redis: Redis, keys: dict[str, Any]) -> None:
    """Fills an empty store."""
    for key, entry in keys.items():
        await _write(redis, key, entry)
        if "ttl_ms" in entry:
            await redis.pexpire(key, entry["ttl_ms"])


async def _read(redis: Redis, key: bytes, kind: str) -> Any:
    match kind:
        case "string":
            return _text(await redis.get(key))
        case "list":
            return [_text(item) for item in await redis.lrange(key, 0, -1)]
        case "set":
            return sorted(_text(item) for item in await redis.smembers(key))
        case "hash":
            return {_text(name): _text(value) for name, value in sorted((await redis.hgetall(key)).items())}
        case "zset":
            return {_text(member): score for member, score in await redis.zrange(key, 0, -1, withscores=True)}
        case "stream":
            return [
                [_text(entry_id), {_text(name): _text(value) for name, value in fields.items()}]
                for entry_id, fields in await redis.xrange(key)
            ]
    raise ValueError(f"{key!r} is a {kind}, which is not written")


async def _group(redis: Redis, key: bytes, group: dict[str, Any]) -> dict[str, Any]:
    pending = await redis.xpending_range(key, group["name"], "-", "+", 1000)
    return {
        "name": _text(group["name"]),
        "last_id": _text(group["last-delivered-id"]),
        "pending": [[_text(entry["message_id"]), _text(entry["consumer"])] for entry in pending],
    }


async def _write(redis: Redis, key: str, entry: dict[str, Any]) -> None:
    value = entry["value"]
    match entry["type"]:
        case "string":
            await redis.set(key, _bytes(value))
        case "list":
            await redis.rpush(key, *map(_bytes, value))
        case "set":
            await redis.sadd(key, *map(_bytes, value))
        case "hash":
            await redis.hset(key, mapping={name: _bytes(text) for name, text in value.items()})
        case "zset":
            await redis.zadd(key, value)
        case "stream":
            for entry_id, fields in value:
                await redis.xadd(key, {name: _bytes(text) for name, text in fields.items()}, id=entry_id)
            for group in entry["groups"]:
                await redis.xgroup_create(key, group["name"], id=group["last_id"], mkstream=True)
                for entry_id, consumer in group["pending"]:
                    await redis.xclaim(key, group["name"], consumer, 0, [entry_id], force=True, justid=True)
            await redis.execute_command("XSETID", key, entry["last_id"])


def _text(value: bytes | str) -> Any:
    if isinstance(value, str):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def _bytes(value: Any) -> bytes:
    return base64.b64decode(value["base64"]) if isinstance(value, dict) else str(value).encode()
