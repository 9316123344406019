from __future__ import annotations

import base64

import pytest

from jobs.webhooks.credentials import (
    Credentials,
    CredentialsBox,
    CredentialsUnreadable,
    Secret,
    new_secret,
    secret_bytes,
)

FIRST, SECOND = "a" * 32, "b" * 32
CREDENTIALS = Credentials((Secret(new_secret()), Secret(new_secret(), 1_000)), {"x-a": "1"})


def test_a_secret_is_32_random_bytes() -> None:
    assert len(secret_bytes(new_secret())) == 32
    assert new_secret() != new_secret()


@pytest.mark.parametrize("size", [24, 64])
def test_secrets_of_24_to_64_bytes_are_accepted(size: int) -> None:
    assert len(secret_bytes("whsec_" + base64.b64encode(b"x" * size).decode())) == size


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsk_" + base64.b64encode(b"x" * 32).decode(),
        "whsec_" + base64.b64encode(b"x" * 23).decode(),
        "whsec_" + base64.b64encode(b"x" * 65).decode(),
        "whsec_not base64!",
        "whsec_ü",
    ],
)
def test_malformed_secrets_are_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="should"):
        secret_bytes(secret)


def test_sealed_credentials_can_be_opened_and_show_no_secret() -> None:
    sealed = CredentialsBox([FIRST]).seal(CREDENTIALS, "we_1")
    assert CREDENTIALS.secrets[0].text not in sealed
    assert CredentialsBox([FIRST]).open(sealed, "we_1") == CREDENTIALS
    assert "whsec" not in repr(CREDENTIALS)


def test_after_a_rotation_of_the_key_the_first_key_seals_and_every_key_opens() -> None:
    old = CredentialsBox([FIRST]).seal(CREDENTIALS, "we_1")
    both = CredentialsBox([SECOND, FIRST])
    assert both.open(old, "we_1") == CREDENTIALS
    assert CredentialsBox([SECOND]).open(both.seal(CREDENTIALS, "we_1"), "we_1") == CREDENTIALS


def test_sealed_credentials_open_only_for_their_owner_and_with_their_key() -> None:
    sealed = CredentialsBox([FIRST]).seal(CREDENTIALS, "we_1")
    for box, owner, text in (
        (CredentialsBox([FIRST]), "we_2", sealed),
        (CredentialsBox([SECOND]), "we_1", sealed),
        (CredentialsBox([FIRST]), "we_1", sealed[:-8] + "AAAAAAA="),
        (CredentialsBox([FIRST]), "we_1", ""),
        (CredentialsBox([FIRST]), "we_1", "!"),
    ):
        with pytest.raises(
            CredentialsUnreadable, match=r"PRESSRUN_SECRET_KEY .* file secret_key of PRESSRUN_DATA_DIR"
        ):
            box.open(text, owner)


def test_after_a_rotation_the_old_secret_signs_until_its_grace_period_ends() -> None:
    new = new_secret()
    rotated = CREDENTIALS.rotated(new, 10_000, 500)
    old = CREDENTIALS.secrets[0].text
    assert rotated.signing(10_499) == [secret_bytes(new), secret_bytes(old)]
    assert rotated.signing(10_500) == [secret_bytes(new)]
    assert CREDENTIALS.rotated(new, 10_000, 0).secrets == (Secret(new),)
    assert rotated.headers == CREDENTIALS.headers


def test_a_rotation_that_is_made_again_leaves_the_previous_secret_its_grace_period() -> None:
    new = new_secret()
    rotated = CREDENTIALS.rotated(new, 10_000, 500)
    assert rotated.rotated(new, 10_200, 500) == rotated
