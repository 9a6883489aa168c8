"""Choose the range model of a data directory: the one in use, or the first, trained on the start of a history."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tapeline.app.data_directory import DataDirectory
from tapeline.core.bars import usual_interval
from tapeline.core.market import Bars
from tapeline.core.series import split_series
from tapeline.errors import ModelError, NotEnoughHistoryError, OtherFormatError, StorageError
from tapeline.forecast import DEFAULT_NAME
from tapeline.forecast.range_model import RangeModel

if TYPE_CHECKING:
    from tapeline.feeds.files import Scan

_TELLING_ROWS = 64


def range_model_in_use(
    directory: DataDirectory, notify: Callable[[str], None], interval: int | None = None
) -> RangeModel | None:
    """Return the range model in use; None where there is none, or none for bars of this length (ms), which is reported.

    A model belongs to one interval: one of days knows nothing of minutes. Where the length is not known, the stored
    bars tell it.
    """
    registry = directory.ranges
    try:
        if registry.current(DEFAULT_NAME) is None:
            return None
        model = registry.load(DEFAULT_NAME)
        if interval is not None:
            model.check(interval)
            return model
        for symbol in directory.store.latest().bars.symbols:
            times = directory.store.rows(symbol, limit=_TELLING_ROWS).bars.timestamp
            if len(times) > 2 and split_series(symbol)[1] is None:  # others are passed over by their names
                model.check(usual_interval(times))
                break
    except (ModelError, StorageError) as error:
        notify(f"no ranges: {error}")
        return None
    return model


def train_first_range_model(
    directory: DataDirectory, history: Callable[[int], Iterator[Bars]], scan: Scan, notify: Callable[[str], None]
) -> None:
    """Train a range model on the first part of a history and put it to use, unless one is in use.

    One that another version of tapeline wrote gives way, and stays in the registry; one that is damaged does not, as a
    backup may bring it back: `range_model_in_use` and health tell of it. `history(until)` yields the bars up to that
    time, and may yield a few after it. The bars that the model speaks about come after those it was trained on.
    """
    from tapeline.app.trained_models import TRAINING_BARS, TRAINING_PART
    from tapeline.research.range_training import fit_range
    from tapeline.runtime.clock import now_ms

    registry = directory.ranges
    old = None
    try:
        old = registry.current(DEFAULT_NAME)
        if old is not None:
            registry.load(DEFAULT_NAME, old)
            return
    except OtherFormatError:
        pass
    except (ModelError, StorageError):
        return
    part = min(TRAINING_PART, TRAINING_BARS / max(scan.rows, 1))
    until = int(scan.start + (scan.end - scan.start) * part)
    try:
        model = fit_range(history(until), until=until)
    except NotEnoughHistoryError as error:
        notify(f"no ranges: {error}")
        return
    registry.save(DEFAULT_NAME, model)
    registry.promote(DEFAULT_NAME, model.version, at=now_ms())
    if old is not None:
        notify(f"range model {old} was written by another version of tapeline: {model.version} takes its place")


def range_watcher(
    directory: DataDirectory, used: RangeModel | None, notify: Callable[[str], None], interval: int | None = None
) -> Callable[[], RangeModel | None]:
    """Return a function that returns the range model that was put to use since its last call, None if none was.

    One that cannot be used is reported once, and the pipeline keeps the one it has: also one for bars of another length
    than `interval` (ms; None: than that of the model in use). What could not be used at the start is not tried again.
    """
    expected = used.interval if used is not None else interval
    seen = used.version if used else None
    if used is None:
        with contextlib.suppress(ModelError, StorageError):
            seen = directory.ranges.current(DEFAULT_NAME)
    reported = ""

    def poll() -> RangeModel | None:
        nonlocal seen, reported
        try:
            version = directory.ranges.current(DEFAULT_NAME)
            if version is None or version == seen:
                return None
            model = directory.ranges.load(DEFAULT_NAME, version)
            model.check(expected)
        except (ModelError, StorageError) as error:
            if str(error) != reported:
                reported = str(error)
                notify(f"the promoted range model cannot be used: {error}")
            return None
        seen, reported = version, ""
        return model

    return poll
