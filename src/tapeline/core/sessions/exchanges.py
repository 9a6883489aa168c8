"""Map a Yahoo symbol to the calendar it trades by: its suffix names the exchange."""

from __future__ import annotations

import functools
import re

from tapeline.core.series import symbol_of
from tapeline.core.symbol_forms import FUTURES_EXCHANGES, is_future

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

#: Names of exchanges before a symbol (`LSE:VOD`), as TradingView and others write them.
PREFIXES = dict.fromkeys(
    [
    "AMEX", "ARCA", "BATS", "CBOE", "DJ", "IEX", "NASDAQ", "NYSE", "NYSEARCA", "NYSE_ARCA", "OTC", "SP", "US",
    "XNAS", "XNYS",
], DEFAULT_EXCHANGE
) | dict.fromkeys(
    [
    "BINANCE", "BINANCEUS", "BITFINEX", "BITGET", "BITMEX", "BITSTAMP", "BYBIT", "COINBASE", "CRYPTO", "CRYPTOCAP",
    "DERIBIT", "GATEIO", "GEMINI", "HTX", "HUOBI", "INDEX_CRYPTO", "KRAKEN", "KUCOIN", "MEXC", "OKEX", "OKX",
    "POLONIEX", "UPBIT",
], "24/7"
) | dict.fromkeys(
    [
    "FOREXCOM", "FX", "FXCM", "FXOPEN", "FX_IDC", "ICMARKETS", "OANDA", "PEPPERSTONE", "SAXO",
], "24/5"
) | dict.fromkeys(FUTURES_EXCHANGES, "CMES") | {
    "ASX": "XASX", "BIST": "XIST", "BME": "XMAD", "BMFBOVESPA": "BVMF", "BSE": "XBOM", "EURONEXT": "XPAR",
    "FWB": "XFRA", "HKEX": "XHKG", "IDX": "XIDX", "JSE": "XJSE", "KRX": "XKRX", "LSE": "XLON", "LSIN": "XLON",
    "MIL": "XMIL", "MYX": "XKLS", "NSE": "XBOM", "NZX": "XNZE", "OMXCOP": "XCSE", "OMXHEX": "XHEL", "OMXSTO": "XSTO",
    "OSL": "XOSL", "SET": "XBKK", "SGX": "XSES", "SIX": "XSWX", "SSE": "XSHG", "SZSE": "XSHG", "TPEX": "XTAI",
    "TSE": "XTKS", "TSX": "XTSE", "TSXV": "XTSE", "TWSE": "XTAI", "XETR": "XETR",
}  # fmt: skip

#: Suffixes that others write and Yahoo does not.
_OTHER_SUFFIXES = {
    "HU": "XBUD", "JP": "XTKS", "LN": "XLON", "LSE": "XLON", "NSE": "XBOM", "BSE": "XBOM", "SH": "XSHG", "SHA": "XSHG",
    "SHE": "XSHG", "TSE": "XTKS", "UK": "XLON", "US": "XNYS", "XETRA": "XETR", "XSHE": "XSHG", "XSHG": "XSHG",
}  # fmt: skip

#: The exchange whose local time a zone is, for bars of which nothing else is known.
EXCHANGE_OF_ZONE = {
    "America/New_York": "XNYS", "US/Eastern": "XNYS", "America/Toronto": "XTSE", "America/Sao_Paulo": "BVMF",
    "Europe/London": "XLON", "Europe/Paris": "XPAR", "Europe/Berlin": "XETR", "Europe/Zurich": "XSWX",
    "Europe/Madrid": "XMAD", "Europe/Rome": "XMIL", "Europe/Amsterdam": "XAMS", "Europe/Stockholm": "XSTO",
    "Asia/Kolkata": "XBOM", "Asia/Calcutta": "XBOM", "Asia/Tokyo": "XTKS", "Asia/Hong_Kong": "XHKG",
    "Asia/Shanghai": "XSHG", "Asia/Seoul": "XKRX", "Asia/Taipei": "XTAI", "Asia/Singapore": "XSES",
    "Australia/Sydney": "XASX",
}  # fmt: skip

_CURRENCIES = frozenset(
    [
        "AUD",
        "BRL",
        "CAD",
        "CHF",
        "CLP",
        "CNH",
        "CNY",
        "COP",
        "CZK",
        "DKK",
        "EUR",
        "GBP",
        "HKD",
        "HUF",
        "IDR",
        "ILS",
        "INR",
        "JPY",
        "KRW",
        "MXN",
        "MYR",
        "NOK",
        "NZD",
        "PHP",
        "PLN",
        "RON",
        "RUB",
        "SEK",
        "SGD",
        "THB",
        "TRY",
        "TWD",
        "USD",
        "XAG",
        "XAU",
        "XPD",
        "XPT",
        "ZAR",
    ]
)
_COINS = (
    "1INCH|AAVE|ADA|ALGO|APT|ARB|ATOM|AVAX|AXS|BCH|BNB|BTC|COMP|CRV|DASH|DOGE|DOT|EOS|ETC|ETH|FIL|FTM|GRT|HBAR|ICP|"
    "INJ|LDO|LINK|LTC|MANA|MATIC|MKR|NEAR|NEO|OP|PEPE|POL|QNT|SAND|SHIB|SNX|SOL|STX|SUI|TIA|TON|TRX|UNI|USDC|USDT|VET|"
    "WBTC|WLD|XBT|XLM|XMR|XRP|XTZ|ZEC"
)
_CRYPTO = re.compile(
    r"(?P<dashed>[A-Z0-9]+-(USD|EUR|GBP|JPY|CAD|AUD|CHF|CNY|INR|KRW|BRL|TRY|BTC|ETH|BNB|USDT|USDC|BUSD|FDUSD|DAI))"
    r"(-SWAP|-PERP)?"
    rf"|({_COINS})(USD|EUR|GBP|JPY|TRY|BRL|BTC|ETH|BNB)(T?\.P)?"
    r"|[A-Z0-9]{2,12}(USDT|USDC|BUSD|FDUSD|TUSD)(\.P|PERP)?"
    rf"|({_COINS})-?(PERP|USD-PERP)"
)
_CHINESE = re.compile(r"(SH|SZ)\d{6}")


def known_exchange(symbol: str) -> str | None:
    """Return exchange-calendars' name of the calendar that a symbol's form tells; None where it tells none.

    Yahoo's suffixes and marks tell it (VOD.L, BTC-USD, EURUSD=X, CL=F, ^FTSE), as do an exchange in front (LSE:VOD),
    pairs of coins or currencies (BTCUSDT, EURUSD), and the suffixes of others (600519.SH, AAPL.US). The name of a
    series (AAPL@1d) stands for its symbol.
    """
    symbol = symbol_of(symbol).upper()
    prefix, colon, _ = symbol.partition(":")
    if colon and prefix in PREFIXES:
        return PREFIXES[prefix]
    pair = symbol.replace("-", "")
    if len(pair) == 6 and pair[:3] in _CURRENCIES and pair[3:] in _CURRENCIES:
        return "24/5"
    if _CRYPTO.fullmatch(symbol):
        return "24/7"
    if symbol.endswith("=X"):
        return "24/5"
    if is_future(symbol):
        return "CMES"
    if symbol.startswith("^"):
        return INDICES.get(symbol)
    if _CHINESE.fullmatch(symbol):
        return "XSHG"
    _, dot, suffix = symbol.rpartition(".")
    return SUFFIXES.get(suffix) or _OTHER_SUFFIXES.get(suffix) if dot else None


@functools.lru_cache(maxsize=1 << 16)
def exchange_of(symbol: str) -> str:
    """Return the calendar a symbol trades by, as `known_exchange` does; where its form tells none, it is American."""
    return known_exchange(symbol) or DEFAULT_EXCHANGE
