"""`tapeline odds`: the chance that a price is passed, or touched, in the next bars."""

from __future__ import annotations

from typing import Annotated

import typer

from tapeline.cli.console import notice, print_json, stdout, utc_text
from tapeline.cli.options import DataDir, Json, StoredInterval


def odds(
    symbol: Annotated[str, typer.Argument(help="Such as TSLA.", show_default=False)],
    at: Annotated[float, typer.Option(help="The price of a stop or a target.", min=0.0, show_default=False)],
    within: Annotated[int, typer.Option(help="In at most this many bars.", min=1, max=20)] = 5,
    interval: StoredInterval = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Say how likely a price is passed or touched in the next bars, by the newest forecast that looks so far."""
    from tapeline.cli.stored_data import open_stored, stored_series
    from tapeline.core.bars import usual_interval
    from tapeline.core.times import DAY
    from tapeline.errors import InputError, NotFoundError
    from tapeline.forecast.horizons import newest_range
    from tapeline.forecast.range_words import sentence
    from tapeline.runtime.stored_series import TELLING_ROWS
    from tapeline.web.quote_table import decimals

    if not at > 0:
        raise typer.BadParameter("a price is above 0", param_hint="--at")
    with open_stored(data_dir) as directory:
        [symbol] = stored_series(directory, [symbol], interval)
        rows = directory.store.rows(symbol, limit=TELLING_ROWS)
        said = newest_range(rows, directory.ranges.models()[0], within)
    if said is None:
        raise NotFoundError(
            f"no bar of {symbol} has a range forecast {within} bars ahead: tapeline train makes a model, and the next "
            "bars have one"
        )
    try:
        found = said.odds(at, within)
    except ValueError as error:
        raise InputError(str(error)) from None
    length, places = usual_interval(rows.bars.timestamp) or DAY, decimals(rows.bars.close)
    if json:
        print_json(
            {
                "symbol": symbol, "timestamp": said.timestamp, "close": said.close, "price": at, "within": within,
                "beyond": found.beyond, "touched": found.touched, "model": said.model.version,
                "is_newest": said.is_newest,
            }
        )  # fmt: skip
        return
    if not said.is_newest:
        notice(
            f"nothing is said past the end of a session: these are the odds as of the bar at "
            f"{utc_text(said.timestamp)} UTC, the last one that looks {within} bars ahead"
        )
    side = "below" if at < said.close else "above"
    stdout().print(
        f"{symbol} closed at {said.close:,.{places}f}. Within {within} bars: {100 * found.touched:.1f}% that "
        f"{at:,.{places}f} is touched, {100 * found.beyond:.1f}% that the close {within} bars ahead is {side} it.",
        markup=False,
    )
    if said.is_newest:
        stdout().print(sentence(said, length, places), markup=False)
