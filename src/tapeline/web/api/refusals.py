"""Say in own words what is wrong with a parameter of a request: what came, and what is allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tapeline.core.symbol_forms import symbol_fault

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
    "string_too_short": "it is too short; at least {min_length} characters are needed",
    "too_long": "they are too many; at most {max_length} are possible",
    "string_type": "{given} is not a text",
    "list_type": "{given} is not a list",
    "model_attributes_type": "it is not a JSON object",
    "json_invalid": "it is not JSON",
    "missing": "it is missing",
    "extra_forbidden": "there is no such field here",
}


def refusal(error: Mapping[str, Any]) -> str:
    """Return one line about an error of Pydantic's: where it is, what came, and what is allowed."""
    kind = error["type"]
    names = [part for part in error["loc"] if isinstance(part, str)]  # not the place in a list, or in the text
    about = names[-1]
    given = repr(error.get("input"))
    given = given if len(given) <= _LONGEST else f"{given[:_LONGEST]} …"
    if kind == "string_pattern_mismatch":
        if about == "symbol" and (fault := symbol_fault(str(error["input"]))):
            return fault
        said = f"{given} is not {_FORMS.get(about, 'in the form that /reference/ shows')}"
    elif kind == "value_error":
        said = str(error["ctx"]["error"])
    else:
        said = _WORDS[kind].format(given=given, **error.get("ctx", {})) if kind in _WORDS else error["msg"]
    return f"{'.'.join(names[1:]) or names[0]}: {said}"
