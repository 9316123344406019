from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from jobs.webhooks.credentials import new_secret, secret_bytes
from jobs.webhooks.signing import TOLERANCE_S, is_genuine, signature, signed_headers

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "webhook-signatures.json").read_text())
BODY = b'{"id":"evt_1"}'


@pytest.mark.parametrize("vector", [vector for vector in VECTORS if vector["scheme"] == "v1"])
def test_signatures_match_the_published_vectors(vector: dict[str, Any]) -> None:
    key = secret_bytes(vector["secret"])
    signed = signature(key, vector["webhook_id"], vector["timestamp"], vector["body"].encode())
    assert signed == vector["signature"]


@given(body=st.text(), rotated=st.booleans())
def test_the_reference_library_verifies_our_signatures(body: str, rotated: bool) -> None:
    secrets = [new_secret(), new_secret()]
    keys = [secret_bytes(secret) for secret in secrets[: 1 + rotated]]
    headers = signed_headers(keys, "evt_1", int(time.time()), body.encode())
    for secret in secrets[: 1 + rotated]:
        Webhook(secret).verify(body.encode(), headers, json_parse=False)


def test_verification_accepts_genuine_requests_and_nothing_else() -> None:
    key, other = secret_bytes(new_secret()), secret_bytes(new_secret())
    headers = signed_headers([other, key], "evt_1", 1_000_000, BODY)
    assert is_genuine(key, headers, BODY, 1_000_000 + TOLERANCE_S)
    assert not is_genuine(key, headers, BODY, 1_000_001 + TOLERANCE_S)
    assert not is_genuine(key, headers, BODY + b" ", 1_000_000)
    assert not is_genuine(secret_bytes(new_secret()), headers, BODY, 1_000_000)
    assert not is_genuine(key, {**headers, "webhook-id": "evt_2"}, BODY, 1_000_000)
    assert not is_genuine(key, {**headers, "webhook-timestamp": "1000001"}, BODY, 1_000_000)


@pytest.mark.parametrize(
    "broken",
    [
        {"webhook-timestamp": "now"},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "²"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,ü v2,"},
    ],
)
def test_malformed_headers_are_not_genuine(broken: dict[str, str]) -> None:
    key = secret_bytes(new_secret())
    headers = {**signed_headers([key], "evt_1", 1_000_000, BODY), **broken}
    assert not is_genuine(key, headers, BODY, 1_000_000)
