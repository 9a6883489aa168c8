"""`tapeline scan`: find the series on whose newest bar a rule holds."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tapeline.cli.console import Ticker, notice, print_json, print_table, utc_text
from tapeline.cli.options import CandleInterval, DataDir, Json

#: Columns that are shown with every digit they have, as `tapeline show` does.
_OF_A_BAR = frozenset({"price", "close", "open", "high", "low", "volume"})

if TYPE_CHECKING:
    from tapeline.alerts.saved_scans import SavedScans


def scan(
    rule: Annotated[
        str | None,
        typer.Argument(
            metavar="RULE", help="Such as 'rsi_14 < 30 and price > sma_200', or a saved name.", show_default=False
        ),
    ] = None,
    interval: CandleInterval = None,
    columns: Annotated[
        str | None, typer.Option(help="Such as close,bar_change,rsi_14.  [default: what the rule reads]")
    ] = None,
    sort: Annotated[str, typer.Option(help="A column; -rsi_14 has the largest first.", show_default=False)] = "",
    at: Annotated[
        str | None, typer.Option(help="As of this time, UTC, such as 2026-01-02T15:30.  [default: the newest bars]")
    ] = None,
    last: Annotated[int, typer.Option("--limit", help="How many matches, at most.", min=1)] = 100,
    save: Annotated[str | None, typer.Option(help="Keep the question under this name.", show_default=False)] = None,
    saved: Annotated[bool, typer.Option("--saved", help="List the saved questions.")] = False,
    forget: Annotated[str | None, typer.Option(help="Forget the question of this name.", show_default=False)] = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """List the symbols on whose newest bar a rule holds, in the grammar of alerts."""
    with Ticker("screening", None, quiet=json or rule is None):  # before the imports, which take longest
        from tapeline.alerts.saved_scans import SCAN_NAME, SCANS_FILE, SavedScan, SavedScans
        from tapeline.alerts.screening import Screener
        from tapeline.app.stored_history import unknown_symbol_errors
        from tapeline.cli.stored_data import open_stored
        from tapeline.core.iso_text import texts_of
        from tapeline.core.times import DAY, WEEK, epoch_ms
        from tapeline.indicators.spelling import separated
        from tapeline.runtime.clock import now_ms

        with open_stored(data_dir) as directory:
            scans = SavedScans(directory.path / SCANS_FILE)
            if forget is not None:
                scans.remove(forget)
                notice(f"{forget} is forgotten")
                return
            if saved:
                _list(scans, as_json=json)
                return
            if rule is None:
                raise typer.BadParameter("give a rule or the name of a saved one, or --saved", param_hint="RULE")
            asked = SavedScan(save or "", rule, tuple(separated(columns or "")), interval or "", sort)
            if save is None and re.match(SCAN_NAME, rule):
                asked = scans.find(rule)
            question = asked.question(None if at is None else epoch_ms(at))
            if save is not None:
                scans.save(asked)
            found = Screener(directory.store, lambda: directory.ranges.models()[0]).answer(question)
            for error in unknown_symbol_errors(found.without_bars, directory):
                notice(str(error))
    if json:
        known = asdict(found)
        times = texts_of(known, "newest")
        print_json({**known, **times, "matched": len(found.matches), "matches": found.matches[:last]})
        return
    print_table(
        ("symbol", "interval", "time (UTC)", *found.columns),
        (
            (
                match["symbol"],
                match["interval"],
                utc_text(match["timestamp"]) + ("" if match["final"] else " (forming)"),
                *(_cell(name, match.get(name)) for name in found.columns),
            )
            for match in found.matches[:last]
        ),
    )
    unknown = f"; for {found.unknown:,} it is not known" if found.unknown else ""
    why = f": {found.why_unknown}" if found.why_unknown else ""
    notice(f"{found.rule}: {len(found.matches):,} of {found.looked_at:,} series{unknown}{why}")
    if at is None and found.newest is not None and (age := now_ms() - found.newest) > WEEK:
        notice(f"the newest bar is of {utc_text(found.newest)} UTC, {age // DAY:,} days ago")


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    return f"{100 * value:+.2f}%" if name == "bar_change" else f"{value:.10g}" if name in _OF_A_BAR else f"{value:.6g}"


def _list(scans: SavedScans, *, as_json: bool) -> None:
    found = list(scans.load().values())
    if as_json:
        print_json([asdict(each) for each in found])
    elif found:
        print_table(
            ("name", "rule", "interval", "columns", "sort"),
            ((each.name, each.rule, each.interval, ",".join(each.columns), each.sort) for each in found),
        )
    else:
        notice("no scans are saved yet: tapeline scan 'rsi_14 < 30' --save oversold")
