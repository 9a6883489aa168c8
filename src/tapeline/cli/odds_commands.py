"""`tapeline odds`: the chance that a price is passed, or touched, in the next bars."""

from __future__ import annotations

from typing import Annotated

import typer

from tapeline.cli.console import notice, print_json, stdout, utc_text
from tapeline.cli.options import DataDir, Json, StoredInterval
from tapeline.error_text import counted


def odds(
    symbol: Annotated[str, typer.Argument(help="Such as TSLA.", show_default=False)],
    price: Annotated[
        float | None, typer.Argument(help="That of a stop or a target, such as 240.", show_default=False)
    ] = None,
    at: Annotated[float | None, typer.Option(help="The same, as an option.", show_default=False)] = None,
    within: Annotated[int, typer.Option(help="In at most this many bars.", min=1, max=20)] = 5,
    interval: StoredInterval = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Say how likely a price is passed or touched in the next bars, by the newest forecast that looks so far.

    Near the end of a session that is the forecast of an older bar than the one for fewer bars.
    """
    from tapeline.app.stored_forecasts import said_about
    from tapeline.cli.stored_data import open_stored
    from tapeline.core.series import symbol_of
    from tapeline.core.times import interval_name
    from tapeline.errors import InputError
    from tapeline.forecast.range_layout import HORIZONS
    from tapeline.forecast.range_words import sentence
    from tapeline.runtime.clock import now_ms

    asked = at if price is None else price
    if asked is None or (price is not None and at is not None):
        raise typer.BadParameter("give one price, such as 240", param_hint="PRICE")
    if not asked > 0:
        raise typer.BadParameter("a price is above 0", param_hint="PRICE")
    with open_stored(data_dir) as directory:
        said, length, places = said_about(directory, symbol, interval, within)
    symbol = symbol_of(said.symbol)
    try:
        found = said.odds(asked, within)
    except ValueError as error:
        raise InputError(str(error)) from None
    if json:
        print_json(
            {
                "symbol": symbol, "interval": interval_name(length), "timestamp": said.timestamp, "close": said.close,
                "price": asked, "within": within, "beyond": found.beyond, "touched": found.touched,
                "model": said.model.version, "is_newest": said.is_newest,
            }
        )  # fmt: skip
        return
    if not said.is_newest:
        reach = next(each for each in HORIZONS if each >= within)
        notice(
            f"an older bar than the last one: nothing is said past the end of a session, and the bar at "
            f"{utc_text(said.timestamp)} UTC is the last one that looks {counted(reach, 'bar')} ahead. Odds within "
            "fewer bars may start from a later bar and be higher"
        )
    side = "below" if asked < said.close else "above"
    older = "" if said.is_newest else f" on the older bar at {utc_text(said.timestamp)} UTC"
    span = counted(within, "bar")
    stdout().print(
        f"{symbol} closed at {said.close:,.{places}f}{older}. Within {span}: {100 * found.touched:.1f}% that "
        f"{asked:,.{places}f} is touched, {100 * found.beyond:.1f}% that the close {span} ahead is {side} it.",
        markup=False,
    )
    if said.is_newest:
        stdout().print(sentence(said, length, places, now_ms()), markup=False)
