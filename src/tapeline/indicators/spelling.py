"""Know how other programs write an indicator: `SMA(20)`, `ta.rsi(close, 14)`, and pandas-ta's `BBU_20_2.0`.

Importing this does not import the catalogue.
"""

from __future__ import annotations

import re

from tapeline.errors import SpecError

#: Names that TA-Lib, TradingView and pandas-ta have for indicators of the catalogue.
ALIASES = {
    "accdist": "ad", "adi": "ad", "avwap": "anchored_vwap", "bb": "bbands", "bollinger": "bbands",
    "boll": "bbands", "chop": "choppiness", "dc": "donchian", "donchian_channel": "donchian", "efi": "force_index",
    "fi": "force_index", "fib": "fibonacci", "fractal": "fractals", "ha": "heikin_ashi", "heikinashi": "heikin_ashi",
    "hull": "hma", "kc": "keltner", "linreg": "linearreg", "lsma": "linearreg", "percent_r": "willr", "psar": "sar",
    "rvol": "relative_volume", "sd": "stddev", "stdev": "stddev", "stochastic": "stoch", "stoch_rsi": "stochrsi",
    "tr": "trange", "true_range": "trange", "uo": "ultosc", "vi": "vortex", "williams_r": "willr", "wpr": "willr",
}  # fmt: skip

#: pandas-ta's columns: the indicator, and the suffix that the column has here.
COLUMNS = {
    "aroond": ("aroon", "_down"), "aroonu": ("aroon", "_up"), "atrr": ("atr", ""),
    "bbb": ("bbands", "_width"), "bbl": ("bbands", "_lower"), "bbm": ("bbands", "_middle"),
    "bbp": ("bbands", "_percent_b"), "bbu": ("bbands", "_upper"), "dmn": ("minus_di", ""), "dmp": ("plus_di", ""),
    "macdh": ("macd", "_hist"), "macds": ("macd", "_signal"), "stochd": ("stoch", "_d"), "stochk": ("stoch", "_k"),
    "stochrsid": ("stochrsi_smoothed", "_d"), "stochrsik": ("stochrsi_smoothed", "_k"), "supert": ("supertrend", ""),
    "supertd": ("supertrend", "_direction"), "vtxm": ("vortex", "_minus"), "vtxp": ("vortex", "_plus"),
}  # fmt: skip

#: Arguments of a call that are columns, and not parameters.
_SERIES = frozenset({"open", "high", "low", "close", "volume", "hl2", "hlc3", "ohlc4"})

#: What the only parameter of an indicator is called elsewhere.
_LENGTHS = frozenset({"length", "period", "timeperiod", "window", "n"})

_CALL = re.compile(r"(?P<prefix>(?:ta|talib|tv|pandas_ta)\.)?(?P<name>[a-z][a-z0-9_]*)\((?P<arguments>[^()]*)\)")
_DOTTED = re.compile(r"(?:ta|talib|tv|pandas_ta)\.(?P<name>[a-z][a-z0-9_.]*)")
_OUTSIDE_PARENTHESES = re.compile(r",(?![^(]*\))")


def separated(text: str) -> list[str]:
    """Return the parts of a text between commas, but for those in parentheses; blanks and empty parts are left out."""
    return [part.strip() for part in _OUTSIDE_PARENTHESES.split(text) if part.strip()]


def plain_spec(text: str) -> str:
    """Return a spec in lower case with underscores, however it was written; what is no such spelling as it is.

    Raises `SpecError` for a call whose arguments cannot be told apart.
    """
    plain = text.strip().lower()
    if call := _CALL.fullmatch(plain):
        return _of_call(text, call)
    if dotted := _DOTTED.fullmatch(plain):
        plain = dotted["name"]
    name, underscore, rest = plain.partition("_")
    if name in COLUMNS:
        return f"{COLUMNS[name][0]}{underscore}{rest}"
    words = plain.split("_")
    first = next((i for i, word in enumerate(words) if word[:1].isdigit()), len(words))
    known = ALIASES.get("_".join(words[:first]))
    return "_".join([known, *words[first:]]) if known else plain


def column_suffix(column: str) -> str:
    """Return the suffix that a column of pandas-ta has here, '' for any other."""
    return COLUMNS.get(column.lower().partition("_")[0], ("", ""))[1]


def _of_call(text: str, call: re.Match[str]) -> str:
    name = ALIASES.get(call["name"], call["name"])
    numbers: list[str] = []
    parts = [part.strip() for part in call["arguments"].split(",") if part.strip()]
    parts = [part for part in parts if part not in _SERIES]
    for part in parts:
        keyword, equals, value = (word.strip() for word in part.partition("="))
        if equals and (keyword not in _LENGTHS or len(parts) > 1):
            raise SpecError(f"{text!r}: write its numbers in the order of its parameters, such as macd_12_26_9")
        numbers.append(value if equals else keyword)
    if call["prefix"] and name == "supertrend":
        numbers.reverse()  # ta.supertrend(factor, length), as in TradingView and in no other place
    return "_".join([name, *numbers])
