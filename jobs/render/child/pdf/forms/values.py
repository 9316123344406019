"""Checks values for form fields, and says which values a field takes. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from jobs.core.errors.job import FormInvalid
from jobs.render.child.pdf.forms.fields import FieldType, FormField, Option

FieldValue = str | bool | list[str] | None
"""None clears the field."""

_MAX_PROBLEMS = 10
_MAX_LIST_CHARACTERS = 2400
_MAX_OPTIONS_SHOWN = 8
_MAX_SHOWN_CHARACTERS = 60
_WORDS: Mapping[FieldType, str] = {
    "text": "text",
    "check_box": "check box",
    "radio": "radio buttons",
    "choice": "drop-down list",
    "list": "list",
    "button": "button",
    "signature": "signature",
}


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class State:
    """Of a check box or radio buttons."""

    name: bytes | None
    """None for off."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Of a list: positions among its options, or a text of one's own."""

    indexes: tuple[int, ...] = ()
    own_text: str | None = None


Wanted = Text | State | Selection


class Impossible(Exception):
    """The field cannot have the value. The message says why."""


def checked(fields: Mapping[str, FormField], values: Mapping[str, FieldValue]) -> dict[str, Wanted]:
    """Returns what each field is to have.

    Raises:
        FormInvalid: a field does not exist or cannot have its value. The message lists the fields.
    """
    problems, wanted = [], {}
    for name, value in values.items():
        if name not in fields:
            problems.append(f"There is no field {_shortened(name)!r}.")
            continue
        try:
            wanted[name] = _wanted(fields[name], value)
        except Impossible as reason:
            problems.append(f"The field {_shortened(name)!r} {reason}.")
    if problems:
        raise FormInvalid(" ".join([*_first(problems), _listing(fields)]))
    return wanted


def _wanted(field: FormField, value: FieldValue) -> Wanted:
    match field.type:
        case "text":
            return _text(field, value)
        case "check_box" | "radio":
            return _state(field, value)
        case "choice" | "list":
            return _selection(field, value)
        case _:
            raise Impossible(f"is a {_WORDS[field.type]}, which cannot be filled in")


def _text(field: FormField, value: FieldValue) -> Text:
    if value is None:
        return Text("")
    if not isinstance(value, str):
        raise Impossible("takes a text")
    if field.is_password:
        raise Impossible("is for a password, which a PDF does not keep")
    if field.is_file:
        raise Impossible("is for a file, which a PDF does not keep")
    text = value.replace("\r\n", "\n").replace("\r", "\n")
    if "\n" in text and not field.is_multiline:
        raise Impossible("takes one line")
    if field.max_length is not None and len(text) > field.max_length:
        raise Impossible(f"takes at most {field.max_length} characters, and these are {len(text)}")
    _refuse_controls(text)
    return Text(text)


def _refuse_controls(text: str) -> None:
    for letter in text:
        if unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\t":
            raise Impossible(f"cannot show the control character U+{ord(letter):04X}")


def _state(field: FormField, value: FieldValue) -> State:
    states = list(dict.fromkeys(field.states))
    if value is None or value is False:
        return State(None)
    if value is True:
        if field.type == "check_box" and len(states) == 1:
            return State(states[0])
        raise Impossible(f"takes {_on_values(field)}")
    if isinstance(value, str):
        for option, state in zip(field.options, states, strict=True):
            if option.value == value:
                return State(state)
        raise Impossible(f"does not have {_shortened(value)!r}: it takes {_on_values(field)}")
    raise Impossible(f"takes {_on_values(field)}")


def _selection(field: FormField, value: FieldValue) -> Selection:
    if value is None:
        return Selection()
    if isinstance(value, bool):
        raise Impossible(f"takes {_one_of(field.options)}")
    values = [value] if isinstance(value, str) else value
    if len(values) > 1 and not field.takes_several:
        raise Impossible("takes one value")
    if field.is_editable and values and _index(field.options, values[0]) is None:
        if "\n" in values[0]:
            raise Impossible("takes one line")
        _refuse_controls(values[0])
        return Selection(own_text=values[0])
    indexes = []
    for each in values:
        index = _index(field.options, each)
        if index is None:
            raise Impossible(f"does not have {_shortened(each)!r}: it takes {_one_of(field.options)}")
        indexes.append(index)
    return Selection(tuple(sorted(set(indexes))))


def _index(options: tuple[Option, ...], value: str) -> int | None:
    """Returns the position of the option with this value, or, if there is none, with this text."""
    for part in (0, 1):
        for at, option in enumerate(options):
            if option[part] == value:
                return at
    return None


# --- messages -------------------------------------------------------------------------------------


def _first(problems: list[str]) -> list[str]:
    more = len(problems) - _MAX_PROBLEMS
    return problems[:_MAX_PROBLEMS] + ([f"{more} more fields are wrong."] if more > 0 else [])


def _listing(fields: Mapping[str, FormField]) -> str:
    """Lists the fields that can be filled in, as far as there is room."""
    described = [
        f"{_shortened(field.name)} ({_takes(field)})"
        for field in fields.values()
        if field.type not in ("button", "signature")
    ]
    if not described:
        return "The form has no field that can be filled in."
    shown, characters = 0, 0
    for each in described:
        characters += len(each) + 2
        if characters > _MAX_LIST_CHARACTERS:
            break
        shown += 1
    more = len(described) - shown
    end = f"; and {more} more, which pdf.text lists as JSON" if more else ""
    return f"The fields are: {'; '.join(described[:shown])}{end}."


def _takes(field: FormField) -> str:
    words = _WORDS[field.type]
    if field.type == "text":
        return words if field.max_length is None else f"{words} of at most {field.max_length} characters"
    if field.type in ("check_box", "radio"):
        return f"{words}: {_on_values(field)}"
    several = "some of " if field.takes_several else ""
    own = " or a text" if field.is_editable else ""
    return f"{words}: {several}{_one_of(field.options)}{own}"


def _on_values(field: FormField) -> str:
    if field.type == "check_box" and len(field.options) == 1:
        return "true or false"
    return _one_of(field.options)


def _one_of(options: tuple[Option, ...]) -> str:
    shown = [_shortened(option.value) for option in options[:_MAX_OPTIONS_SHOWN]]
    if len(options) > len(shown):
        shown.append("…")
    return ", ".join(repr(each) for each in shown) or "nothing"


def _shortened(text: str) -> str:
    text = "".join(letter if letter.isprintable() else "�" for letter in text)
    return text if len(text) <= _MAX_SHOWN_CHARACTERS else text[: _MAX_SHOWN_CHARACTERS - 1] + "…"
