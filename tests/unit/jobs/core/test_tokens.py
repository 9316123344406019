from __future__ import annotations

import base64
import json

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.core.errors.request import TokenExpired, TokenInvalid
from jobs.core.secret_key import derive_key
from jobs.core.tokens import Scope, Tokens

NOW = 1_800_000_000.5
OLD, NEW = "o" * 32, "n" * 32
JOB = Scope(job_id="job_1")


def forged(claims: dict[str, object], *, algorithm: str = "HS256", secret: str = NEW) -> str:
    return jwt.encode(claims, derive_key(secret, "tokens v1"), algorithm=algorithm)


@pytest.mark.parametrize("scope", [JOB, Scope(batch_id="batch_1"), Scope(channel="jobs")])
def test_a_token_verifies_to_the_tenant_and_scope_it_was_minted_for(scope: Scope) -> None:
    token, expires_at = Tokens([NEW]).mint("acme", scope, NOW, 60)

    grant = Tokens([NEW]).verify(token, NOW)

    assert (grant.tenant, grant.scope, grant.expires_at) == ("acme", scope, expires_at)
    assert expires_at == 1_800_000_061  # rounded up to whole seconds


def test_a_token_expires_at_its_second_on_the_callers_clock() -> None:
    tokens = Tokens([NEW])
    token, expires_at = tokens.mint("acme", JOB, NOW, 60)

    tokens.verify(token, expires_at - 0.001)
    with pytest.raises(TokenExpired):
        tokens.verify(token, expires_at)


def test_after_a_rotation_the_new_key_signs_and_the_old_one_still_verifies() -> None:
    before, rotated, after = Tokens([OLD]), Tokens([NEW, OLD]), Tokens([NEW])
    old_token, _ = before.mint("acme", JOB, NOW, 60)
    new_token, _ = rotated.mint("acme", JOB, NOW, 60)

    assert rotated.verify(old_token, NOW).tenant == "acme"
    assert after.verify(new_token, NOW).tenant == "acme"
    with pytest.raises(TokenInvalid):
        after.verify(old_token, NOW)


def test_the_unsigned_algorithm_is_refused() -> None:
    claims = {"tenant": "acme", "job_id": "job_1", "iat": int(NOW), "exp": int(NOW) + 60}
    unsigned = jwt.encode(claims, None, algorithm="none")

    with pytest.raises(TokenInvalid):
        Tokens([NEW]).verify(unsigned, NOW)


@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
def test_another_algorithm_is_refused_even_with_the_right_key() -> None:
    claims = {"tenant": "acme", "job_id": "job_1", "iat": int(NOW), "exp": int(NOW) + 60}

    with pytest.raises(TokenInvalid):
        Tokens([NEW]).verify(forged(claims, algorithm="HS512"), NOW)


def test_a_token_signed_with_the_secret_itself_is_refused() -> None:
    claims = {"tenant": "acme", "job_id": "job_1", "iat": int(NOW), "exp": int(NOW) + 60}

    with pytest.raises(TokenInvalid):
        Tokens([NEW]).verify(jwt.encode(claims, NEW, algorithm="HS256"), NOW)


def test_a_changed_claim_breaks_the_signature() -> None:
    token, _ = Tokens([NEW]).mint("acme", JOB, NOW, 60)
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    claims["tenant"] = "globex"
    changed = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()

    with pytest.raises(TokenInvalid):
        Tokens([NEW]).verify(f"{header}.{changed}.{signature}", NOW)


@pytest.mark.parametrize(
    "claims",
    [
        {"job_id": "job_1", "exp": int(NOW) + 60},
        {"tenant": "acme", "exp": int(NOW) + 60},
        {"tenant": "acme", "job_id": "job_1"},
        {"tenant": "acme", "job_id": "job_1", "exp": "soon"},
        {"tenant": "acme", "job_id": "job_1", "exp": True},
        {"tenant": "acme", "job_id": 7, "exp": int(NOW) + 60},
        {"tenant": 7, "job_id": "job_1", "exp": int(NOW) + 60},
        {"tenant": "acme", "job_id": "job_1", "channel": "jobs", "exp": int(NOW) + 60},
    ],
)
def test_malformed_claims_are_refused_even_if_they_are_signed(claims: dict[str, object]) -> None:
    with pytest.raises(TokenInvalid):
        Tokens([NEW]).verify(forged(claims), NOW)


@given(
    st.text(max_size=200) | st.binary(max_size=60).map(lambda data: f"{data.hex()}.{data.hex()}.{data.hex()}")
)
def test_arbitrary_text_does_not_verify(text: str) -> None:
    with pytest.raises(TokenInvalid):
        Tokens([NEW]).verify(text, NOW)


def test_an_overlong_token_is_refused() -> None:
    with pytest.raises(TokenInvalid):
        Tokens([NEW]).verify("a" * 100_000, NOW)


def test_a_scope_names_exactly_one_thing() -> None:
    for members in ({}, {"job_id": "job_1", "channel": "jobs"}):
        with pytest.raises(ValueError, match="one of"):
            Scope(**members)


def test_a_scope_covers_its_own_jobs_only() -> None:
    assert JOB.covers("job_1", "batch_1")
    assert not JOB.covers("job_2", "batch_1")
    assert Scope(batch_id="batch_1").covers("job_2", "batch_1")
    assert not Scope(batch_id="batch_1").covers("job_2", None)
    assert Scope(channel="jobs").covers("job_2", None)
    assert not Scope(channel="operations").covers("job_2", None)
