import datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from api.contract.requests.fields import Time
from api.contract.requests.webhooks import DeliveryListQuery

TIME = TypeAdapter(Time)


@pytest.mark.parametrize(
    "text", ["2017-01-01T00:00:00Z", "2016-12-31t23:59:60.999z", "2016-12-31 15:59:60-08:00"]
)
def test_times_are_in_utc_and_a_leap_second_is_the_second_that_follows(text: str) -> None:
    assert TIME.validate_python(text) == datetime.datetime(2017, 1, 1, tzinfo=datetime.UTC)


@pytest.mark.parametrize("text", ["2016-12-31T23:58:60Z", "2016-12-31T23:59:60", "20161231T235960Z", ""])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="should be a time such as"):
        TIME.validate_python(text)


def test_parameters_of_urls_may_be_leap_seconds() -> None:
    query = DeliveryListQuery.model_validate({"since": "2016-12-31T23:59:60Z"})
    assert query.since == datetime.datetime(2017, 1, 1, tzinfo=datetime.UTC)
