from typing import Any

import pytest

from api.cli.client.server import Refused


@pytest.mark.parametrize(
    ("detail", "errors", "said"),
    [
        ("It is gone.", [], "It is gone."),
        ("10.0.0.1 is refused.", [("/url", "10.0.0.1 is refused")], "/url: 10.0.0.1 is refused."),
        ("10.0.0.1 is refused.", [("/url", "10.0.0.1 is refused.")], "/url: 10.0.0.1 is refused."),
        ("/kind: should be x.", [("/kind", "should be x")], "/kind: should be x."),
        (
            "The options do not fit.",
            [("/options/a", "there is no such member")],
            "The options do not fit.\n  /options/a: there is no such member",
        ),
        (
            "/a: is wrong.",
            [("/a", "is wrong"), ("/b", "is missing")],
            "/a: is wrong.\n  /b: is missing",
        ),
    ],
)
def test_a_refusal_says_each_thing_once(detail: str, errors: list[tuple[str, str]], said: str) -> None:
    problem: dict[str, Any] = {
        "code": "invalid_input",
        "detail": detail,
        "errors": [{"pointer": pointer, "message": message} for pointer, message in errors],
    }
    assert Refused(422, problem).message == f"{said} (invalid_input)"
