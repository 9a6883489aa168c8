"""Show the evaluation of ranges to people: every figure with its interval, and the baseline beside it."""

from __future__ import annotations

import math

from tapeline.forecast.estimates import Estimate
from tapeline.research.range_report import RangeReport


def range_tables(report: RangeReport) -> dict[str, tuple[list[str], list[list[str]]]]:
    """Return every table: title -> (column heads, rows of texts)."""
    names = list(report.scores[0].saved)
    heads = [f"{each.horizon} bar{'s' if each.horizon > 1 else ''} ahead" for each in report.scores]

    def row(name: str, texts: list[str]) -> list[str]:
        return [name, *texts]

    scores = report.scores
    return {
        "Variance: share of a baseline's QLIKE that is saved, in %": (
            ["over", *heads],
            [
                *(row(name, [_percent(each.saved[name]) for each in scores]) for name in names),
                *(
                    row(f"{name}, its level adjusted", [_percent(each.saved_adjusted[name]) for each in scores])
                    for name in names
                    if not math.isnan(scores[0].saved_adjusted[name].value)
                ),
                row("rows", [f"{each.rows:,}" for each in scores]),
            ],
        ),
        "Bands: share of closes that they held, in %": (
            ["", *heads],
            [
                *(row(f"{c}% band", [_percent(each.coverage[c]) for each in scores]) for c in (50, 80, 95)),
                *(
                    row(f"{c}% of EWMA-normal", [f"{100 * each.normal_coverage[c]:.1f}" for each in scores])
                    for c in (50, 80, 95)
                ),
                row("80% band, volatility low / middle / high", [_shares(each.by_tercile) for each in scores]),
                row("80% of EWMA-normal, likewise", [_shares(each.normal_by_tercile) for each in scores]),
                row("80% band, lowest / highest symbol", [_shares(each.symbols) for each in scores]),
                row("Winkler score of the 95% band saved over EWMA-normal", [_percent(e.winkler) for e in scores]),
            ],
        ),
        "Odds and volume": (
            ["", *heads],
            [
                row("AUC of moves beyond 1.5 usual sigmas", [str(each.big_move) for each in scores]),
                row("the same by EWMA", [str(each.big_move_ewma) for each in scores]),
                row("AUC of a stop below that is touched (2%, of minutes 0.2%)", [str(each.stop) for each in scores]),
                row("its Brier score saved over the share before, in %", [_percent(e.stop_skill) for e in scores]),
                row("its Brier score saved over EWMA-normal, in %", [_percent(e.stop_over_normal) for e in scores]),
                row("error of the log volume saved over EWMA, in %", [_percent(each.volume) for each in scores]),
            ],
        ),
    }


def _percent(estimate: Estimate) -> str:
    if math.isnan(estimate.value):
        return "-"
    if not estimate.has_interval:
        return f"{100 * estimate.value:.1f}"
    return f"{100 * estimate.value:.1f} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def _shares(values: tuple[float, ...]) -> str:
    return " / ".join(f"{100 * value:.1f}" for value in values)
