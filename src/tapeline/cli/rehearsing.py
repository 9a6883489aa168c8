"""Try an alert rule for `tapeline alerts test`: over stored bars, or over the bars of a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from tapeline.cli.console import Ticker, notice
from tapeline.error_text import counted
from tapeline.errors import ModelError, NotPossibleError
from tapeline.forecast import DEFAULT_NAME

if TYPE_CHECKING:
    from tapeline.alerts.rules import Rule
    from tapeline.app.config import Settings
    from tapeline.cli.file_options import FileReading
    from tapeline.forecast.model import LightGBMModel
    from tapeline.forecast.range_model import RangeModel


#: What a terminal shows from the first import on until the rule was tried.
TRYING = "trying the rule"


def over_stored(rule: Rule, last: str, data_dir: Path | None, *, quiet: bool) -> tuple[list[dict[str, Any]], str]:
    """Return what would have fired on the stored bars of the last `last`, such as 7d, and a line about it."""
    with Ticker(TRYING, None, quiet=quiet):
        from tapeline.alerts.stored_rehearsal import rehearse
        from tapeline.cli.stored_data import open_stored
        from tapeline.core.times import interval_ms

        span = interval_ms(last)
        if span is None:
            raise typer.BadParameter(f"{last!r} is no length of time; write 12h, 7d or 4w", param_hint="--last")
        with open_stored(data_dir) as directory:
            found = rehearse(rule, directory.store, span, directory.ranges.models()[0])
    for symbol in found.unknown:
        notice(f"{symbol} has no bars in {directory.path}")
    more = "" if found.complete else "; there are more symbols, which are left out"
    times = "once" if len(found.fired) == 1 else f"{len(found.fired):,} times"
    return found.fired, f"would have fired {times} in the last {last}, on {counted(found.bars, 'bar')}{more}"


def over_file(
    rule: Rule, file: Path, reading: FileReading, data_dir: Path | None, *, quiet: bool
) -> tuple[list[dict[str, Any]], str]:
    """Return what would have fired on the bars of a file, and a line about it."""
    with Ticker(TRYING, None, quiet=quiet):
        from tapeline.alerts.bar_values import specs_of
        from tapeline.alerts.range_terms import is_range_term
        from tapeline.alerts.rehearsal import Rehearsal
        from tapeline.alerts.window_terms import is_window_term
        from tapeline.app.data_directory import settings_for_reading
        from tapeline.cli.bar_files import open_all, read_bars
        from tapeline.runtime.processor import Processor

        if any(map(is_window_term, rule.columns)):
            raise NotPossibleError("a rule that looks back at earlier bars is tried on stored ones: leave the file out")
        settings = settings_for_reading(data_dir)
        model = _model(settings) if rule.predictions else None
        source = open_all([file], reading)
        if model is not None:
            model.check_interval(source.scan().interval)
        if model is not None and source.scan().end <= model.trained_until:
            notice(f"the model {model.version} was trained on all of these bars: it predicts none of them")
        ranges = _range_model(settings) if any(map(is_range_term, rule.columns)) else None
        if ranges is not None:
            ranges.check(source.scan().interval)
        processor = Processor(specs_of(rule.columns), model, range_model=ranges)
        rehearsal = Rehearsal(rule, {} if ranges is None else {ranges.version: ranges})
    found: list[dict[str, Any]] = []
    done = 0
    for bars in read_bars(source, "judging", quiet=quiet):
        found += rehearsal.judge(processor.step(bars).rows)
        done += len(bars)
    return found, f"fired {counted(len(found), 'time')} on {counted(done, 'bar')}"


def _model(settings: Settings) -> LightGBMModel:
    from tapeline.app.data_directory import models_in

    models = models_in(settings.data_dir)
    if models.current(DEFAULT_NAME) is None:
        raise ModelError(
            f"a rule about predictions needs a model, and there is none in {settings.data_dir}: `tapeline train` makes "
            "one, --data-dir names another folder"
        )
    return models.load(DEFAULT_NAME)


def _range_model(settings: Settings) -> RangeModel:
    from tapeline.app.data_directory import ranges_in

    return ranges_in(settings.data_dir).load(DEFAULT_NAME)
