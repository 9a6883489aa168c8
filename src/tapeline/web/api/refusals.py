"""Say in own words what is wrong with a parameter of a request: what came, and what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tapeline.alerts.saved_scans import SCAN_NAME, name_fault
from tapeline.core.symbol_forms import symbol_fault
from tapeline.web.desks import NAME_PATTERN

_LONGEST = 60

#: What a parameter of this name looks like, in place of the regular expression that says it.
_FORMS = {
    "interval": "an interval, such as 5m or 1d",
    "also": "a symbol, @ and an interval, such as MSFT@5m",
    "indicators": "names of indicators between commas, such as sma_20,rsi_14",
    "version": "a version that GET /models lists",
    "rule": "the id of a rule that GET /alerts/rules lists",
    "rule_id": "the id of a rule that GET /alerts/rules lists",
    "q": "a text to look for",
}

#: The same for names, by the regular expression.
_NAMES = {
    NAME_PATTERN: "a word in small letters, or one with what it is of, such as drawings:AAPL",
}

#: By the type of Pydantic's error, with `{given}` for what came and what the error knows.
_WORDS = {
    "less_than_equal": "{given} is too large; at most {le} is possible",
    "less_than": "{given} is too large; it must be below {lt}",
    "greater_than_equal": "{given} is too small; at least {ge} is possible",
    "greater_than": "{given} is too small; it must be above {gt}",
    "int_parsing": "{given} is not a whole number",
    "int_parsing_size": "{given} has too many digits",
    "int_type": "{given} is not a whole number",
    "int_from_float": "{given} is not a whole number",
    "float_parsing": "{given} is not a number",
    "float_type": "{given} is not a number",
    "finite_number": "{given} is not a number",
    "bool_parsing": "{given} is neither true nor false",
    "bool_type": "{given} is neither true nor false",
    "enum": "{given} is not one of {expected}",
    "literal_error": "{given} is not one of {expected}",
    "string_too_long": "it is too long; at most {max_length} characters are possible",
    "string_too_short": "it is too short; at least {min_length} needed",
    "too_long": "they are too many; at most {max_length} are possible",
    "string_type": "{given} is not a text",
    "list_type": "{given} is not a list",
    "dict_type": "it is not a JSON object",
    "model_attributes_type": "it is not a JSON object",
    "json_invalid": "it is not JSON",
    "missing": "it is missing",
    "extra_forbidden": "there is no such field here",
}


def refusal(error: Mapping[str, Any]) -> str:
    """Return one line about an error of Pydantic's: where it is, what came, and what is allowed."""
    kind, context = error["type"], error.get("ctx", {})
    root, *path = error["loc"]
    if kind == "json_invalid":
        path = []  # the place in the text
    about = next((part for part in reversed(path) if isinstance(part, str)), root)
    given = repr(error.get("input"))
    given = given if len(given) <= _LONGEST else f"{given[:_LONGEST]} …"
    if kind == "string_pattern_mismatch":
        if about == "symbol" and (fault := symbol_fault(str(error["input"]))):
            return fault
        if context["pattern"] == SCAN_NAME:
            return name_fault(str(error["input"]))
        form = _NAMES.get(context["pattern"]) or _FORMS.get(about, "in the form that /reference/ shows")
        said = f"{given} is not {form}"
    elif kind == "value_error":
        said = str(context["error"])
    else:
        words = {name: _said(name, value) for name, value in context.items()}
        said = _WORDS[kind].format(given=given, **words) if kind in _WORDS else error["msg"]
    return f"{'.'.join(map(str, path)) or root}: {said}"


def _said(name: str, value: Any) -> str:
    """Return in words what an error knows: a bound without its many zeros, and how much text is needed."""
    if name == "min_length":
        return "1 character is" if value == 1 else f"{value} characters are"
    return f"{value:g}" if isinstance(value, float) else str(value)
