"""Tell how the times of a file are written, from all of its evidence that is at hand."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pyarrow as pa

from tapeline.errors import FileError
from tapeline.feeds.files.read_options import Doubt

_CLOCK = (
    r"(?:(?:[Tt]|[ ,;]+)(?P<hour>\d\d?)(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?)?"
    r" ?(?P<half>[AaPp]\.?[Mm]\.?)?"
    r" *(?P<zone>[Zz]|(?:GMT|UTC)?[+-]\d\d:?(?:\d\d)?|[A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z_]+)*)?)?$"
)
_WEEKDAY = r"^(?:[A-Z][a-z]{2,8},? )?"
_MONTH = r"(?P<word>[A-Za-z]{3,9})\.?"

#: The forms of text by the name that a person knows them under: regular expressions with named groups.
TEXT_FORMS = {
    "ISO-8601": r"^(?P<year>\d{4})-(?P<month>\d\d?)-(?P<day>\d\d?)" + _CLOCK,
    "YYYY/MM/DD": r"^(?P<year>\d{4})[/.](?P<month>\d\d?)[/.](?P<day>\d\d?)" + _CLOCK,
    "DD.MM.YYYY": r"^(?P<day>\d\d?)\.(?P<month>\d\d?)\.(?P<year>\d{4}|\d\d)" + _CLOCK,
    "DD/MM/YYYY": r"^(?P<day>\d\d?)[/-](?P<month>\d\d?)[/-](?P<year>\d{4}|\d\d)" + _CLOCK,
    "MM/DD/YYYY": r"^(?P<month>\d\d?)[/-](?P<day>\d\d?)[/-](?P<year>\d{4}|\d\d)" + _CLOCK,
    "DD Month YYYY": _WEEKDAY + r"(?P<day>\d\d?)[ -]" + _MONTH + r"[ ,-]+(?P<year>\d{4}|\d\d)" + _CLOCK,
    "Month DD YYYY": _WEEKDAY + _MONTH + r"[ -](?P<day>\d\d?),?[ -](?P<year>\d{4})" + _CLOCK,
    "YYYYMMDD": r"^(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)"
    r"(?:[ T,-]*(?P<hour>\d\d):?(?P<minute>\d\d)(?::?(?P<second>\d\d))?)?"
    r" *(?P<zone>[Zz]|[A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z_]+)*)?$",
}
_DAY_FIRST, _MONTH_FIRST = "DD/MM/YYYY", "MM/DD/YYYY"
_NUMBER = re.compile(r"-?\d{1,19}(\.\d*)?")
_COMPILED = {name: re.compile(form) for name, form in TEXT_FORMS.items()}
_DIRECTIVES = {
    "Y": r"(?P<year>\d{4})", "y": r"(?P<year>\d\d)", "m": r"(?P<month>\d\d?)", "d": r"(?P<day>\d\d?)",
    "H": r"(?P<hour>\d\d?)", "I": r"(?P<hour>\d\d?)", "M": r"(?P<minute>\d\d)", "S": r"(?P<second>\d\d)",
    "f": r"(?P<fraction>\d{1,9})", "p": r"(?P<half>[AaPp]\.?[Mm]\.?)", "b": r"(?P<word>[A-Za-z]{3,9})",
    "B": r"(?P<word>[A-Za-z]{3,9})", "z": r"(?P<zone>[Zz]|[+-]\d\d:?\d\d)", "Z": r"(?P<zone>[A-Za-z_/]+)",
    "a": r"[A-Za-z]{2,9}", "A": r"[A-Za-z]{2,9}", "T": r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)",
    "F": r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)", "%": "%",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TimeForm:
    """Say how times are written. `name` is for people.

    `kind` is `zoned`, `local` or `date` for text, which `regex` reads; `epoch` for numbers in `unit` (`s` or `ms`;
    the magnitude of larger ones says more); `excel` for days since 1899-12-30.
    """

    name: str
    kind: str
    regex: str = ""
    unit: str = ""


def is_text(column: Any) -> bool:
    """Return whether these are strings, dictionary-encoded or not."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def form_of_column(
    some: Any, dates: str, date_format: str | None, all_texts: Callable[[], Iterable[str]]
) -> tuple[TimeForm | None, Doubt | None]:
    """Return the form of a column of times, of which `some` are at hand, and what it leaves open; see `form_of`.

    `date_format` is what a person says of texts. Raises `FileError` for a format that is none.
    """
    kind = some.type
    if pa.types.is_timestamp(kind):
        return TimeForm("stored times", "zoned" if kind.tz else "local"), None
    if pa.types.is_date(kind):
        return TimeForm("stored dates", "date"), None
    if not is_text(some):
        return number_form([float(value) for value in some.to_pylist() if value is not None]), None
    texts = [text.strip() for text in some.to_pylist() if text and text.strip()]
    return (form_of_format(date_format, texts), None) if date_format else form_of(texts, dates, all_texts)


def form_of(
    texts: Sequence[str], dates: str, all_texts: Callable[[], Iterable[str]]
) -> tuple[TimeForm | None, Doubt | None]:
    """Return the form that most of these times have, None where they are none, and what it leaves open.

    `dates` says what the layout knows: `month first`, `day first` or nothing. `all_texts` reads the whole file's, for
    where these cannot tell the day from the month.
    """
    names = Counter(name for name in map(_form_name, texts) if name)
    if not names:
        return None, None
    name, doubt = names.most_common(1)[0][0], None
    if name == "number":
        return number_form([float(text) for text in texts if _NUMBER.fullmatch(text)]), None
    if name == _DAY_FIRST:
        found = _day_or_month_first(texts, dates) or _day_or_month_first(all_texts(), "")
        name = found or name
        if not found:
            example = next(text for text in texts if _COMPILED[name].fullmatch(text))
            doubt = Doubt(
                "date_format", f"{example!r} may be day/month or month/day, and no row of the file tells",
                _formats(example),
            )  # fmt: skip
    return _with_kind(TimeForm(name, "", TEXT_FORMS[name]), texts), doubt


def number_form(values: Sequence[float]) -> TimeForm:
    """Return what these numbers are as times, from all of them and not from one: see `TimeForm`."""
    values = [value for value in values if math.isfinite(value)]
    if not values:
        return TimeForm("epoch in s", "epoch", unit="s")
    digits = [str(int(value)) for value in values if value == int(value)]
    dated = sum(bool(len(text) in {8, 12, 14} and _is_date(text)) for text in digits)
    if dated * 10 >= len(values) * 9:
        kind = "local" if sum(len(text) > 8 for text in digits) * 2 > len(digits) else "date"
        return TimeForm("YYYYMMDD" + ("HHMM" if kind == "local" else ""), kind, TEXT_FORMS["YYYYMMDD"])
    if sum(10_000 <= value < 100_000 for value in values) * 10 >= len(values) * 9:
        return TimeForm("Excel's day numbers", "excel")
    small = [value for value in values if abs(value) < 1e14]
    beyond = sum(abs(value) >= 1e11 for value in small)
    steps = sorted(abs(b - a) for a, b in pairwise(small) if a != b)
    years_apart = bool(steps) and steps[len(steps) // 2] > 366 * 86_400 and all(step % 1000 == 0 for step in steps)
    unit = "ms" if beyond * 10 >= max(len(small), 1) or years_apart else "s"
    largest = max((abs(value) for value in values), default=0)
    shown = "ns" if largest >= 1e17 else "µs" if largest >= 1e14 else unit
    return TimeForm(f"epoch in {shown}", "epoch", unit=unit)


def form_of_format(text: str, samples: Sequence[str]) -> TimeForm:
    """Return the form of a `strptime` format. Raise `FileError` for a directive that is not understood."""
    parts = []
    for literal, directive in re.findall(r"([^%]+)|%(.)", text):
        if directive and directive not in _DIRECTIVES:
            raise FileError(f"the date format {text!r} has %{directive}; use %Y %m %d %H %M %S %f %p %b %z %Z")
        parts.append(_DIRECTIVES[directive] if directive else re.escape(literal))
    regex = "^" + "".join(parts) + "$"
    try:
        found = TimeForm(text, "", regex)
        return _with_kind(found, samples)
    except re.error as error:
        raise FileError(f"the date format {text!r} names a part twice, or is none: write %Y-%m-%d %H:%M") from error


def _form_name(text: str) -> str:
    if _NUMBER.fullmatch(text):
        return "number"
    return next((name for name, form in _COMPILED.items() if form.fullmatch(text)), "")


def _is_date(digits: str) -> bool:
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:8])
    clock = digits[8:].ljust(6, "0")
    return (
        1867 <= year <= 2200 and 1 <= month <= 12 and 1 <= day <= 31
        and int(clock[:2]) < 24 and int(clock[2:4]) < 60 and int(clock[4:]) < 60
    )  # fmt: skip


def _day_or_month_first(texts: Iterable[str], dates: str) -> str:
    """Return which of the two forms more texts can have, '' where they do not tell."""
    day_first = month_first = 0
    for text in texts:
        if found := _COMPILED[_DAY_FIRST].fullmatch(text):
            first, second = int(found["day"]), int(found["month"])
            day_first += second <= 12 < first
            month_first += first <= 12 < second
    if day_first == month_first:
        return {"month first": _MONTH_FIRST, "day first": _DAY_FIRST}.get(dates, "")
    return _DAY_FIRST if day_first > month_first else _MONTH_FIRST


def _formats(example: str) -> tuple[str, str]:
    """Return the two `strptime` formats that a date such as 04/03/2024 10:30 may have."""
    mark = "/" if "/" in example else "-"
    date, _, clock = example.partition(" ")
    year = "%Y" if len(re.split(r"[/-]", date)[-1]) == 4 else "%y"
    rest = ("", " %H:%M", " %H:%M:%S")[min(clock.count(":"), 2)]
    if clock[-2:].upper() in {"AM", "PM"}:
        rest = rest.replace("%H", "%I") + " %p"
    return f"%d{mark}%m{mark}{year}{rest}", f"%m{mark}%d{mark}{year}{rest}"


def _with_kind(form: TimeForm, texts: Iterable[str]) -> TimeForm:
    """Return the form with the kind that most of the texts have, the first one's of ties."""
    compiled = re.compile(form.regex)
    kinds: Counter[str] = Counter()
    for text in texts:
        if found := compiled.fullmatch(text):
            parts = found.groupdict()
            kinds["zoned" if parts.get("zone") else "local" if parts.get("hour") else "date"] += 1
    if kinds["local"] and kinds["date"]:
        kinds["local"] += kinds.pop("date")  # midnights without their clock
    return replace(form, kind=max(kinds, key=kinds.__getitem__) if kinds else "date")
