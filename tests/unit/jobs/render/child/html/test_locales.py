from __future__ import annotations

from typing import Any

import pytest

from jobs.render.child.html.locales import date, money, number


@pytest.mark.parametrize(
    ("value", "arguments", "text"),
    [
        (1234567.891, ("en",), "1,234,567.891"),
        (1234567.891, ("de", 2), "1.234.567,89"),
        (1234567.891, ("de-CH", 0), "1’234’568"),
        ("0.1", ("fr", 3), "0,100"),
        (2.675, ("en", 2), "2.68"),
        (-5, ("en",), "-5"),
    ],
)
def test_numbers_are_formatted(value: Any, arguments: tuple[Any, ...], text: str) -> None:
    assert number(value, *arguments) == text


@pytest.mark.parametrize(
    ("value", "currency", "locale", "text"),
    [
        (1234.5, "EUR", "de", "1.234,50\xa0€"),
        (1234.5, "EUR", "de_AT", "€\xa01.234,50"),
        ("1234.5", "USD", "en-US", "$1,234.50"),
        (1234, "JPY", "ja", "￥1,234"),
        (-3, "CHF", "de-CH", "CHF-3.00"),
    ],
)
def test_amounts_are_formatted(value: Any, currency: str, locale: str, text: str) -> None:
    assert money(value, currency, locale) == text


@pytest.mark.parametrize(
    ("value", "arguments", "text"),
    [
        ("2026-01-31", ("de",), "31.01.2026"),
        ("2026-01-31", ("de", "long"), "31. Januar 2026"),
        ("2026-01-31", ("en-GB", "full"), "Saturday, 31 January 2026"),
        ("2026-01-31", ("fr", "d MMMM y"), "31 janvier 2026"),
        ("2026-01-31T23:30:00Z", ("en", "y-MM-dd HH:mm"), "2026-01-31 23:30"),
        ("2026-01-31T23:30:00+02:00", ("en", "long"), "January 31, 2026"),
        ("2016-12-31T23:59:60Z", ("en", "y-MM-dd HH:mm:ss"), "2017-01-01 00:00:00"),
    ],
)
def test_dates_are_formatted(value: str, arguments: tuple[str, ...], text: str) -> None:
    assert date(value, *arguments) == text


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: number("ten", "en"), "'ten' is not a number"),
        (lambda: number(None, "en"), "'None' is not a number"),
        (lambda: number(True, "en"), "'True' is not a number"),
        (lambda: number(float("inf"), "en"), "written out"),
        (lambda: number("1e999999", "en"), "written out"),
        (lambda: number(1, "en", 10**9), "decimals should be"),
        (lambda: number(1, "xx"), "'xx' is not a locale"),
        (lambda: number(1, "../../etc/passwd"), "is not a locale"),
        (lambda: number(1, None), "is not a locale"),  # type: ignore[arg-type]
        (lambda: money(1, "EURO", "en"), "'EURO' is not a currency"),
        (lambda: money(1, None, "en"), "is not a currency"),  # type: ignore[arg-type]
        (lambda: date("31.01.2026", "de"), "'31.01.2026' is not a date"),
        (lambda: date("2026-13-01", "de"), "is not a date"),
        (lambda: date(None, "de"), "is not a date"),
        (lambda: date("2026-01-31", "de", "y" * 1000), "the style of a date"),
    ],
)
def test_invalid_values_and_arguments_are_errors_with_a_reason(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
