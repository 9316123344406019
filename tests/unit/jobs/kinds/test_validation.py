import pytest

from api.contract.requests.jobs import JobRequest
from jobs.core.errors.request import InvalidInput
from jobs.kinds.pdf.render import PDF_RENDER
from jobs.kinds.validation import BESIDE_OPTIONS


def test_the_members_beside_the_options_are_those_of_a_request() -> None:
    assert JobRequest.model_fields.keys() - {"kind", "input", "options"} == BESIDE_OPTIONS


@pytest.mark.parametrize("member", sorted(BESIDE_OPTIONS - {"metadata"}))  # `pdf.render` has its own
def test_the_error_for_a_member_of_the_job_among_the_options_names_its_place(member: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        PDF_RENDER.canonical({"html": "x"}, {member: 1, "other": 1})
    said = {error["pointer"]: error["message"] for error in raised.value.errors}
    assert said[f"/options/{member}"].endswith("beside `options`, in the job that `POST /v1/jobs` takes")
    assert said["/options/other"] == "there is no such member"
