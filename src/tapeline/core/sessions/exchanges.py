"""Map a Yahoo symbol to the calendar it trades by: its suffix names the exchange."""

from __future__ import annotations

import re

#: Without a suffix a symbol is American; an unknown suffix gets American hours too.
DEFAULT_EXCHANGE = "XNYS"

#: The years a calendar is built for; exchange-calendars' own bounds are kept where they are narrower.
CALENDAR_RANGE = ("1990-01-01", "2035-12-31")

#: Minutes of pre-market and after-hours trading, as Yahoo's charts state them. Elsewhere it shows none.
EXTENDED_MINUTES = {"XNYS": (330, 240), "XLON": (45, 45), "XETR": (60, 180)}

#: Yahoo's suffix -> exchange-calendars' name. German regional boards keep Frankfurt's days. Athens, Bucharest and Tel
#: Aviv go by Helsinki, which shares their time zone: their own calendars cannot be built with pandas 3.1.
SUFFIXES = {
    "AS": "XAMS", "AT": "XHEL", "AX": "XASX", "BA": "XBUE", "BD": "XBUD", "BE": "XFRA", "BK": "XBKK", "BO": "XBOM",
    "BR": "XBRU", "CN": "XTSE", "CO": "XCSE", "DE": "XETR", "DU": "XDUS", "F": "XFRA", "HA": "XFRA", "HE": "XHEL",
    "HK": "XHKG", "HM": "XHAM", "IC": "XICE", "IL": "XLON", "IR": "XDUB", "IS": "XIST", "JK": "XIDX", "JO": "XJSE",
    "KL": "XKLS", "KQ": "XKRX", "KS": "XKRX", "L": "XLON", "LS": "XLIS", "MC": "XMAD", "MI": "XMIL", "MU": "XFRA",
    "MX": "XMEX", "NE": "XTSE", "NS": "XBOM", "NZ": "XNZE", "OL": "XOSL", "PA": "XPAR", "PR": "XPRA", "RG": "XRIS",
    "RO": "XHEL", "SA": "BVMF", "SG": "XSTU", "SI": "XSES", "SN": "XSGO", "SR": "XSAU", "SS": "XSHG", "ST": "XSTO",
    "SW": "XSWX", "SZ": "XSHG", "T": "XTKS", "TA": "XHEL", "TL": "XTAL", "TO": "XTSE", "TW": "XTAI", "TWO": "XTAI",
    "V": "XTSE", "VI": "XWBO", "VS": "XLIT", "WA": "XWAR", "XC": "XLON", "XD": "XLON",
}  # fmt: skip

#: Indices outside America have no suffix.
INDICES = {
    "^FTSE": "XLON", "^FTMC": "XLON", "^GDAXI": "XETR", "^MDAXI": "XETR", "^TECDAX": "XETR", "^STOXX50E": "XETR",
    "^STOXX": "XETR", "^FCHI": "XPAR", "^AEX": "XAMS", "^BFX": "XBRU", "^IBEX": "XMAD", "^SSMI": "XSWX", "^ATX": "XWBO",
    "^OMX": "XSTO", "^N225": "XTKS", "^HSI": "XHKG", "^KS11": "XKRX", "^TWII": "XTAI", "^STI": "XSES", "^KLSE": "XKLS",
    "^JKSE": "XIDX", "^AXJO": "XASX", "^AORD": "XASX", "^NZ50": "XNZE", "^BSESN": "XBOM", "^NSEI": "XBOM",
    "^GSPTSE": "XTSE", "^BVSP": "BVMF", "^MXX": "XMEX", "^MERV": "XBUE", "^TA125": "XHEL",
}  # fmt: skip

_CRYPTO = re.compile(r"^[A-Z0-9]+-(USD|EUR|GBP|JPY|CAD|AUD|CHF|CNY|INR|KRW|BRL|BTC|ETH|USDT|USDC)$")


def exchange_of(symbol: str) -> str:
    """Return exchange-calendars' name of the calendar a Yahoo symbol trades by: TSLA XNYS, VOD.L XLON, BTC-USD 24/7."""
    symbol = symbol.upper()
    if _CRYPTO.match(symbol):
        return "24/7"
    if symbol.endswith("=X"):
        return "24/5"
    if symbol.endswith("=F"):
        return "CMES"
    if symbol.startswith("^"):
        return INDICES.get(symbol, DEFAULT_EXCHANGE)
    _, dot, suffix = symbol.rpartition(".")
    return SUFFIXES.get(suffix, DEFAULT_EXCHANGE) if dot else DEFAULT_EXCHANGE
