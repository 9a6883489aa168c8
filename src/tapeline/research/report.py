"""Show an evaluation to people: as Markdown, and as one HTML file with its plots, which loads from no other host."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

import numpy as np

from tapeline.core.extras import import_extra
from tapeline.error_text import counted
from tapeline.forecast.estimates import Bin, Estimate
from tapeline.research.backtest import Backtest
from tapeline.research.evaluation_report import MODEL, Report
from tapeline.research.metrics import METRICS

_LABELS = {
    "auc": "AUC", "log_loss": "log-loss", "brier": "Brier", "brier_skill": "Brier skill",
    "balanced_accuracy": "balanced accuracy", "rank_ic": "rank IC",
}  # fmt: skip

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24 }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
.verdict { padding: .8rem 1rem; border-left: .35rem solid #b42318; background: #fdf1f0; font-weight: 600 }
.verdict.good { border-color: #1a7f4b; background: #effaf3 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; display: block; overflow-x: auto }
th, td { padding: .3rem .7rem; border-bottom: 1px solid #d8dee4; text-align: right; white-space: nowrap }
th:first-child, td:first-child { text-align: left } small { color: #59636e }
svg { max-width: 100%; height: auto } .bad { color: #b42318; font-weight: 600 }
"""


def day(timestamp: int) -> str:
    """Return a UTC time (epoch ms) as text: the date, and the minute unless it is midnight."""
    moment = datetime.fromtimestamp(timestamp / 1000, UTC)
    return f"{moment:%Y-%m-%d}" if moment.hour == moment.minute == 0 else f"{moment:%Y-%m-%d %H:%M}"


def tables(report: Report) -> dict[str, tuple[list[str], list[list[str]]]]:
    """Return every table of the report: title -> (column heads, rows of texts)."""
    made = {
        "Out of sample, model beside baselines": (
            ["", *(_LABELS[name] for name in METRICS)],
            [[name, *(str(found[metric]) for metric in METRICS)] for name, found in report.metrics.items()],
        ),
        "The model's gain over each baseline (positive: better), measured in pairs": (
            ["over", "log-loss", "AUC"],
            [[name, str(gain["log_loss"]), str(gain["auc"])] for name, gain in report.gains.items()],
        ),
        "Folds": (
            ["test from", "to", "trained on", "tested on", "trees", "AUC"],
            [
                [day(f.start), day(f.end), f"{f.train_rows:,}", f"{f.test_rows:,}", str(f.trees), f"{f.auc:.4f}"]
                for f in report.folds
            ],
        ),
        "Calibration": (
            ["mean probability of UP", "share that went up", "rows"],
            [[f"{b.mean:.3f}", f"{b.share:.3f}", f"{b.count:,}"] for b in report.calibration],
        ),
        "Hit-rate by confidence": (
            ["mean distance from 0.5", "hit-rate", "rows"],
            [[f"{b.mean:.3f}", f"{b.share:.3f}", f"{b.count:,}"] for b in report.confidence],
        ),
    }
    if report.trading is not None:
        trading = report.trading
        made[f"Backtest after costs of {trading.cost_bps:g} basis points a trade"] = (
            ["", "return", "Sharpe (annual)", "worst drawdown", "turnover a bar"],
            [
                [name, f"{p.total_return:+.1%}", _short(p.sharpe), f"{p.drawdown:.1%}", f"{p.turnover:.2%}"]
                for name, p in (("model, long/flat/short", trading.model), ("buy and hold", trading.hold))
            ]
            + [["difference", "", _short(trading.excess_sharpe), "", ""]],
        )
    tried = report.superior_ability
    made["Is the best of all candidates better than the base rate?"] = (
        ["benchmark", "candidates", "best", "Hansen's SPA: p if none is better [lower, upper]"],
        [[tried.benchmark, str(tried.candidates), tried.best, str(tried)]],
    )
    if report.findings:
        made["Leak audit"] = (
            ["guard", "result", "what was seen"],
            [[f.guard, "passed" if f.passed else "FAILED", f.detail] for f in report.findings],
        )
    return made


def summary(report: Report) -> list[str]:
    """Return what was tested, in sentences."""
    lines = [
        (
            f"{counted(len(report.symbols), 'symbol')}, {counted(report.bars, 'bar')}, "
            f"{day(report.first)} to {day(report.last)} UTC; "
            f"{counted(report.tested, 'row')} tested out of sample."
        ),
        (
            f"Question: where is the close {counted(report.horizon, 'bar')} ahead, when it leaves a no-trade band "
            f"of {report.no_trade_band:g} standard deviations? Walk-forward, purged and embargoed; every predictor on "
            "the same rows. In brackets: 95% confidence intervals."
        ),
    ]
    if np.isfinite(report.hit_rate):
        lines.append(
            f"UP or DOWN would be said of {report.answered:.0%} of the rows, right in {report.hit_rate:.1%} of them; "
            f"calling the more frequent side was right in {report.hit_rate_of_majority:.1%} of the same rows."
        )
    else:
        lines.append("The models had no opinion: every row was answered with HOLD.")
    if report.left_out:
        lines.append(f"Left out: {'; '.join(report.left_out)} (pip install 'tapeline[research]').")
    return lines


def markdown(report: Report) -> str:
    """Return the report as Markdown, the verdict first."""
    parts = [f"**{report.headline}**", *summary(report)]
    for title, (heads, rows) in tables(report).items():
        body = "\n".join("| " + " | ".join(row) + " |" for row in rows)
        parts.append(f"### {title}\n\n| {' | '.join(heads)} |\n|{' --- |' * len(heads)}\n{body}")
    return "\n\n".join(parts) + "\n"


def html(report: Report) -> str:
    """Return the report as one HTML document. Raises `MissingLibraryError` when Matplotlib is not installed."""
    charts = _charts(report)
    parts = [
        "<h1>Evaluation of the prediction model</h1>",
        f'<p class="verdict{" good" if report.better else ""}">{escape(report.headline)}</p>',
        *(f"<p>{escape(line)}</p>" for line in summary(report)),
    ]
    for title, (heads, rows) in tables(report).items():
        head = "".join(f"<th>{escape(text)}</th>" for text in heads)
        body = "".join("<tr>" + "".join(_cell(text) for text in row) + "</tr>" for row in rows)
        parts.append(f"<h2>{escape(title)}</h2>{charts.get(title.split(' ')[0], '')}")
        parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
    made = ", ".join(f"{name} {version}" for name, version in report.libraries.items())
    parts.append(
        f"<p><small>Data {escape(report.data_hash)}, features {escape(report.feature_hash)}, {escape(made)}. "
        f"Symbols: {escape(', '.join(report.symbols))}.</small></p>"
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>tapeline evaluation</title><style>{_STYLE}</style></head><body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _cell(text: str) -> str:
    return f'<td class="bad">{text}</td>' if text == "FAILED" else f"<td>{escape(text)}</td>"


def _short(estimate: Estimate) -> str:
    if not estimate.has_interval:
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def _charts(report: Report) -> dict[str, str]:
    """Return the inline SVGs by the first word of the title of the table they belong to."""
    charts = {
        "Out": _auc_chart(report),
        "Calibration": _bins_chart(report.calibration, "mean probability of UP", "share that went up", diagonal=True),
        "Hit-rate": _bins_chart(report.confidence, "mean distance of the probability from 0.5", "hit-rate", level=0.5),
    }
    if report.trading is not None:
        charts["Backtest"] = _equity_chart(report.trading)
    return charts


def figure_library() -> Any:
    """Return what draws the figures of `html`. Raises `MissingLibraryError`, before anything is computed if asked."""
    return import_extra("matplotlib.figure", "the HTML report needs Matplotlib", "research")


def _figure(height: float = 3.0) -> tuple[Any, Any]:
    figure = figure_library().Figure(figsize=(7.0, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Any) -> str:
    from matplotlib import rc_context

    buffer = io.StringIO()
    with rc_context({"svg.hashsalt": "tapeline", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _auc_chart(report: Report) -> str:
    figure, axes = _figure(height=0.9 + 0.4 * len(report.metrics))
    for y, (name, found) in enumerate(reversed(list(report.metrics.items()))):
        estimate = found["auc"]
        color = "#0b62d6" if name == MODEL else "#6e7781"
        axes.plot([estimate.low, estimate.high], [y, y], color=color, linewidth=2)
        axes.plot([estimate.value], [y], "o", color=color)
    axes.axvline(0.5, color="#b42318", linestyle="--", linewidth=1)
    axes.set_yticks(range(len(report.metrics)), list(reversed(list(report.metrics))))
    axes.set_xlabel("AUC with its 95% interval; 0.5 is a coin toss")
    return _svg(figure)


def _bins_chart(
    bins: Sequence[Bin], x_label: str, y_label: str, *, diagonal: bool = False, level: float | None = None
) -> str:
    figure, axes = _figure()
    if diagonal:
        axes.axline((0.5, 0.5), slope=1, color="#6e7781", linestyle="--", linewidth=1)
    if level is not None:
        axes.axhline(level, color="#6e7781", linestyle="--", linewidth=1)
    axes.plot([each.mean for each in bins], [each.share for each in bins], "o-", color="#0b62d6")
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    return _svg(figure)


def _equity_chart(trading: Backtest) -> str:
    figure, axes = _figure()
    step = max(1, len(trading.times) // 1500)  # more points than pixels only make the file larger
    x = np.arange(len(trading.times))[::step]  # by bar, not by time: nights and weekends would fill most of it
    axes.plot(x, trading.model.equity[::step], color="#0b62d6", label="model")
    axes.plot(x, trading.hold.equity[::step], color="#6e7781", label="buy and hold")
    ticks = np.linspace(0, len(trading.times) - 1, 5).astype(int)
    axes.set_xticks(ticks, [day(int(trading.times[tick])).replace(" ", "\n") for tick in ticks])
    axes.set_ylabel("capital, 1 at the start")
    axes.legend(frameon=False)
    return _svg(figure)
