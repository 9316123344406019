from __future__ import annotations

_HEADERS = frozenset({"forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip"})


def is_forwarding_header(name: str) -> bool:
    """Whether `name`, in lower case, is a header that proxies add to the requests they forward."""
    return name in _HEADERS or name.startswith("x-forwarded-")
