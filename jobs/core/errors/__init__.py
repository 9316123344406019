"""The errors that Pressrun raises on purpose, in one tree with three branches.

- `request`: what is wrong with a request. Becomes a 4xx answer.
- `job`: what went wrong with a job. Becomes the job's ``error``.
- `store`: what is wrong with the store. Becomes a 503 answer.

`api.http.problems` is the only place that turns errors into answers. `/docs` shows the first
paragraph of each docstring.
"""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar


class PressrunError(Exception):
    """Root of the tree. `code` is stable and documented; `str()` is a sentence for people.

    The class line of an error gives its attributes: ``class QueueFull(RequestError, status=429)``.
    """

    code: ClassVar[str] = "internal_error"

    def __init_subclass__(cls, **attributes: Any) -> None:
        super().__init_subclass__()
        for name, value in attributes.items():
            if not hasattr(cls, name):
                raise TypeError(f"{cls.__name__} has no attribute {name}")
            setattr(cls, name, value)


class CannotServe(PressrunError):
    """A process cannot do its work here. It says why, and ends with exit code 1."""


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
