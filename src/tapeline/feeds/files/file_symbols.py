"""Find the symbol in a file's name, as people and data vendors write it there."""

from __future__ import annotations

import re
from pathlib import Path

from tapeline.core.sessions.exchanges import DEFAULT_EXCHANGE, PREFIXES, known_exchange
from tapeline.core.symbol_forms import canonical_symbol

_ENDINGS = {".csv", ".txt", ".tsv", ".gz", ".zst", ".zip", ".parquet", ".pq", ".data"}

#: Names of files that say what they hold and not of which symbol.
_SAYS_NOTHING = frozenset(
    [
        "data",
        "download",
        "export",
        "historicaldata",
        "historicalquotes",
        "history",
        "ohlcv",
        "prices",
        "quotes",
        "stocks",
        "table",
    ]
)
_LENGTH = r"(?:\d{1,3}(?:s|m|min|h|hour|d|w|mo|M)|daily|weekly|monthly|hourly|minute)"
_FORMS = tuple(
    re.compile(form)
    for form in (
        r"(?P<symbol>[A-Z0-9]+)-(?:aggTrades-)?\d{1,2}(?:s|m|h|d|w|mo)-\d{4}-\d\d(?:-\d\d)?",  # Binance's archive
        r"(?P<symbol>[A-Z0-9]{2,10}(?:USDT|USDC|BUSD|FDUSD|USD|BTC))[-_](?![A-Z]{3,4}\b)\w.*",
        r"(?i:daily|weekly|monthly|intraday|time_series)(?i:_adjusted|_daily|_weekly|_\d+min)*_(?P<symbol>.+)",
        r"(?i:(?P<stooq>[\w^.-]+?_(?:us|uk|de|jp|hk|hu|pl))|(?P<symbol>\^?[\w.-]+?))_[dwm]",  # Stooq's downloads
        r"(?P<pair>[A-Z]{6})_?(?:[MHDW]N?\d{0,2}|1|5|15|30|60|240|1440|10080|43200)(?:[_ ].*)?",  # MetaTrader
        r".*STOCK_[A-Z]{2}_X[A-Z]{3}_(?P<symbol>.+)",  # MarketWatch
        rf"(?P<symbol>[A-Za-z0-9.^=]+)-(?:{_LENGTH}|\d{{4}}.*)",
    )
)
_EXCHANGE = re.compile(r"(?P<exchange>[A-Z_]+?)[_:](?P<symbol>[A-Za-z0-9.!&-]+)(?:[, ].*)?")
_NUMBERED = re.compile(r"\d{1,2}[_ -]+(?=[A-Za-z^])")


def symbol_of(path: Path) -> str:
    """Return the symbol in a file's name: AAPL for `AAPL_1d.csv.gz` and `daily_AAPL.csv`; '' where it names none.

    A name that TradingView gives has the exchange in front, which stays where the symbol alone would be taken for an
    American one: `LSE_VOD, 1D.csv` is LSE:VOD.
    """
    name = path.name
    while Path(name).suffix.lower() in _ENDINGS:
        name = Path(name).stem
    name = _NUMBERED.sub("", name)
    if (found := _EXCHANGE.fullmatch(name)) and (exchange := PREFIXES.get(found["exchange"])):
        plain = exchange in {DEFAULT_EXCHANGE, "24/7", "24/5"}
        return canonical_symbol(found["symbol"] if plain else f"{found['exchange']}:{found['symbol']}")
    for form in _FORMS:
        if not (found := form.fullmatch(name)):
            continue
        parts = found.groupdict()
        if "pair" not in parts or known_exchange(parts["pair"]) == "24/5":
            return canonical_symbol(parts.get("symbol") or parts.get("pair") or parts["stooq"].replace("_", "."))
    word = re.split(r"[ _]", name.strip("_ "), maxsplit=1)[0]
    return "" if word.lower() in _SAYS_NOTHING else canonical_symbol(word)
