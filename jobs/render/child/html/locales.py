"""Template filters that format numbers, amounts and dates for a locale (Unicode CLDR). Pure.

The locale is always an argument, so that a document does not depend on the machine that renders it.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from babel import Locale
from babel.core import UnknownLocaleError
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal, is_currency

from jobs.core.times import parse_time

_STYLES = ("short", "medium", "long", "full")
_MAX_DECIMALS = 20
_MAX_PATTERN_CHARACTERS = 100


def number(value: Any, locale: str, decimals: int | None = None) -> str:
    """Formats a number, such as ``1.234,5``, with exactly `decimals` decimals if they are given.

    Raises:
        ValueError: `value` is not a number, or the locale is unknown.
    """
    if decimals is None:
        return format_decimal(_decimal(value), locale=_locale(locale), decimal_quantization=False)
    if not isinstance(decimals, int) or not 0 <= decimals <= _MAX_DECIMALS:
        raise ValueError(f"decimals should be a number from 0 to {_MAX_DECIMALS}")
    pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
    return format_decimal(_decimal(value), format=pattern, locale=_locale(locale))


def money(value: Any, currency: str, locale: str) -> str:
    """Formats an amount, such as ``1.234,50 €``, with the decimals that `currency` (ISO 4217) has.

    Raises:
        ValueError: `value` is not a number, or the currency or the locale is unknown.
    """
    if not isinstance(currency, str) or not is_currency(currency):
        raise ValueError(f"{str(currency)[:20]!r} is not a currency such as EUR")
    return format_currency(_decimal(value), currency, locale=_locale(locale))


def date(value: Any, locale: str, style: str = "medium") -> str:
    """Formats an ISO 8601 date or time, such as ``31. Januar 2026``.

    `style` is short, medium, long, full, or a pattern of CLDR such as ``d.M.y``.

    Raises:
        ValueError: `value` is not a date, or the locale is unknown.
    """
    if not isinstance(style, str) or len(style) > _MAX_PATTERN_CHARACTERS:
        raise ValueError(
            "the style of a date should be short, medium, long, full, or a pattern such as d.M.y"
        )
    moment = _moment(value)
    if style in _STYLES or not isinstance(moment, datetime.datetime):
        return format_date(moment, style, locale=_locale(locale))
    return format_datetime(moment, style, tzinfo=moment.tzinfo, locale=_locale(locale))


LOCALE_FILTERS: dict[str, Callable[..., str]] = {"number": number, "money": money, "date": date}


def _decimal(value: Any) -> Decimal:
    """Returns the number that was written in the JSON, and not the nearest binary fraction."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{str(value)[:40]!r} is not a number")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"{str(value)[:40]!r} is not a number") from None
    if not number.is_finite() or abs(number.adjusted()) > 100:
        raise ValueError(f"{str(value)[:40]!r} is not a number that can be written out")
    return number


def _moment(value: Any) -> datetime.date:
    try:
        text = str(value)
        return datetime.date.fromisoformat(text) if len(text) <= 10 else parse_time(text)
    except ValueError:
        raise ValueError(
            f"{str(value)[:40]!r} is not a date such as 2026-01-31 or a time such as 2026-01-31T12:00:00Z"
        ) from None


def _locale(name: str) -> Locale:
    try:
        return Locale.parse(name, sep="-" if "-" in name else "_")
    except (UnknownLocaleError, ValueError, TypeError):
        raise ValueError(f"{str(name)[:20]!r} is not a locale such as de or en-GB") from None
