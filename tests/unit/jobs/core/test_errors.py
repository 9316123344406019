import pytest

from jobs.core.errors import by_code
from jobs.core.errors.request import QueueFull, RequestError, TokenInvalid, Unauthenticated


def test_the_class_line_of_an_error_gives_its_attributes() -> None:
    assert (QueueFull.code, QueueFull.status, QueueFull.retry_after) == ("queue_full", 429, 5)
    assert (RequestError.code, RequestError.status, RequestError.retry_after) == ("bad_request", 400, None)


def test_an_error_inherits_what_its_class_line_does_not_give() -> None:
    assert (TokenInvalid.code, TokenInvalid.status) == ("token_invalid", Unauthenticated.status)


def test_an_attribute_that_no_error_of_the_branch_has_is_refused() -> None:
    with pytest.raises(TypeError, match="Misspelled has no attribute statu"):

        class Misspelled(RequestError, statu=409):
            pass


def test_errors_are_found_by_their_own_codes() -> None:
    found = by_code(RequestError)
    assert (found["queue_full"], found["bad_request"]) == (QueueFull, RequestError)
