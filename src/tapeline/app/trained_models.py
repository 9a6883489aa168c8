"""Train the models of a data directory: the first one, and again on a schedule."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tapeline.app.config import Settings
from tapeline.app.data_directory import DataDirectory
from tapeline.core.market import Bars
from tapeline.errors import ModelError, OtherIntervalError, line_with_kind
from tapeline.feeds.files import Scan
from tapeline.forecast import DEFAULT_NAME
from tapeline.forecast.model import LightGBMModel
from tapeline.research.retraining import due, last_attempt, retrain
from tapeline.research.training import fit
from tapeline.runtime.clock import now_ms

#: The part of a history's time span that the first model is trained on; it predicts the bars after it.
TRAINING_PART = 0.6

#: At most about this many bars are trained on, so that memory does not grow with the history.
TRAINING_BARS = 100_000

#: How often the age of the model in use is looked at.
_RETRAIN_SECONDS = 600.0


def starting_model(
    directory: DataDirectory,
    settings: Settings,
    history: Callable[[int], Iterator[Bars]],
    scan: Scan,
    notify: Callable[[str], None],
    progress: Callable[[float, str], None],
) -> LightGBMModel:
    """Return the data directory's model; when there is none yet, train one on the first part of this history.

    `history(until)` yields the bars up to that time, and may yield a few after it; `scan` says how long the whole of it
    is. The model is saved before it is used, so that a restart predicts with the same one. Raises
    `NotEnoughHistoryError` when the history is too short, and `OtherIntervalError` when there is a model for bars of
    another length.
    """
    try:
        if directory.models.current(DEFAULT_NAME) is not None:
            model = directory.models.load(DEFAULT_NAME)
            model.check_interval(scan.interval)
            return model
    except OtherIntervalError:
        raise  # the model is fine, these are not its bars
    except ModelError as error:
        notify(f"{error}; training a new one")
    part = min(TRAINING_PART, TRAINING_BARS / max(scan.rows, 1))
    until = int(scan.start + (scan.end - scan.start) * part)
    model = fit(history(until), until=until, horizon=settings.horizon, progress=progress)
    directory.models.save(DEFAULT_NAME, model)
    directory.models.promote(DEFAULT_NAME, model.version, at=now_ms(), force=True)
    return model


@contextmanager
def retraining(
    directory: DataDirectory,
    settings: Settings,
    history: Callable[[], Iterator[Bars]],
    schedule: str | None,
    notify: Callable[[str], None],
) -> Iterator[None]:
    """Train again in the background whenever the last attempt is longer ago than the schedule allows (None: never).

    `history()` starts a pass over the bars to train on. A model that wins the contest with the one in use is promoted,
    and the running pipeline takes it up. A training that fails is reported and tried again later.
    """
    ended = threading.Event()

    def work(schedule: str) -> None:
        while not ended.wait(_RETRAIN_SECONDS):
            now = now_ms()
            try:
                if not due(schedule, last_attempt(directory.models, DEFAULT_NAME), now):
                    continue
                made = retrain(
                    directory.models, DEFAULT_NAME, history(), at=now, schedule=schedule, horizon=settings.horizon
                )
            except Exception as error:  # noqa: BLE001 - one training's defect must not be the last of all trainings
                notify(f"not trained again: {line_with_kind(error)}")
                continue
            verdict = "is in use now" if made.promoted else "is not put to use"
            notify(f"trained again: {made.model.version} {verdict}: {made.contest}")

    if schedule is None:
        yield
        return
    thread = threading.Thread(target=work, args=(schedule,), name="retraining", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
