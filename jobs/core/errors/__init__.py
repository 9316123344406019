"""The errors that Pressrun raises on purpose, in one tree with three branches.

- `request`: what is wrong with a request. Becomes a 4xx answer.
- `job`: what went wrong with a job. Becomes the job's ``error``.
- `store`: what is wrong with the store. Becomes a 503 answer.

The HTTP status is an attribute of the class, and `api.http.problems` is the only place that turns
errors into answers. `/docs` shows the first paragraph of each docstring.
"""

from __future__ import annotations

from typing import ClassVar, TypeVar


class PressrunError(Exception):
    """Root of the tree. `code` is stable and documented; `str()` is a sentence for people."""

    code: ClassVar[str] = "internal_error"


_E = TypeVar("_E", bound=PressrunError)


def by_code(root: type[_E]) -> dict[str, type[_E]]:
    """Returns `root` and the errors below it, those of plug-ins too, by their codes."""
    found: dict[str, type[_E]] = {}
    tree = [root]
    while tree:
        error = tree.pop(0)
        if "code" in vars(error):
            found.setdefault(error.code, error)
        tree += error.__subclasses__()
    return found
