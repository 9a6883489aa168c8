"""`tapeline forecast`: how far a price is expected to move, and how often that held."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from typing import Annotated

import typer

from tapeline.cli.console import Ticker, notice, print_json, print_table, stdout, utc_text
from tapeline.cli.options import DataDir, Json, StoredInterval
from tapeline.cli.row_columns import fitting

_HEADS = ("ahead", "expected move", "50%", "80%", "95%", "big move", "volume")


def forecast(
    symbol: Annotated[str, typer.Argument(help="Such as TSLA.", show_default=False)],
    interval: StoredInterval = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Say how far a symbol's price is expected to move in its next bars, and how often such ranges held."""
    with Ticker("looking back", None, quiet=json):  # before the imports, which take longest
        from tapeline.app.stored_forecasts import held_ranges, said_about
        from tapeline.cli.stored_data import open_stored
        from tapeline.core.series import symbol_of
        from tapeline.core.times import interval_name
        from tapeline.forecast import HORIZON
        from tapeline.forecast.range_words import sentence
        from tapeline.runtime.clock import now_ms

        with open_stored(data_dir) as directory:
            said, length, places = said_about(directory, symbol, interval)
            decided, held = held_ranges(directory, said.symbol)
    words = sentence(said, length, places, now_ms())
    if json:
        print_json(
            {
                "symbol": symbol_of(said.symbol), "interval": interval_name(length), "timestamp": said.timestamp,
                "close": said.close, "model": said.model.version, "words": words, "is_newest": said.is_newest,
                "horizons": said.horizons, "decided": decided, "held": held,
            }
        )  # fmt: skip
        return
    stdout().print(words, markup=False)
    lines = [_line(bars, fields, said.close, places) for bars, fields in said.horizons.items()]
    cells = dict(zip(_HEADS, map(list, zip(*lines, strict=True)), strict=True))
    shown = fitting(cells, shutil.get_terminal_size().columns) if sys.stdout.isatty() else list(cells)
    print_table(shown, zip(*(cells[name] for name in shown), strict=True))
    if len(shown) < len(cells):
        notice(f"{', '.join(list(cells)[len(shown) :])} do not fit; --json has all")
    notice(f"from the bar at {utc_text(said.timestamp)} UTC, which closed at {said.close:,.{places}f}")
    if decided:
        shares = ", ".join(f"the {coverage}% ones {share:.1%}" for coverage, share in held.items())
        notice(f"of {decided:,} decided ranges over {HORIZON} bars, these held the close: {shares}")
    else:
        notice("no range of this symbol is decided yet")


def _line(bars: str, fields: Mapping[str, float], close: float, places: int) -> list[str]:
    def number(name: str, kind: str) -> str:
        return f"{fields[name]:{kind}}" if name in fields else ""

    bands = [f"{number(f'low_{each}', f',.{places}f')} to {number(f'high_{each}', f',.{places}f')}"
             for each in (50, 80, 95)]  # fmt: skip
    move = f"{fields['expected_move']:,.{places}f} ({fields['expected_move'] / close:.2%})"
    return [bars, move, *bands, number("p_big_move", ".1%"), number("expected_volume", ",.0f")]
