"""Train the models of a data directory: the first one, and again on a schedule."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tapeline.app.config import Settings
from tapeline.app.wiring import DataDirectory
from tapeline.backends.sqlite.database import (
    explained,
)
from tapeline.core.market import Bars
from tapeline.errors import ModelError, NotEnoughHistoryError
from tapeline.feeds.files import Scan
from tapeline.forecast.model import (
    LightGBMModel,
)
from tapeline.forecast.registry import DEFAULT_NAME
from tapeline.research.retraining import due, retrain
from tapeline.research.training import fit
from tapeline.runtime.clock import now_ms

#: The part of a history's time span that the first model is trained on; it predicts behind it.
TRAINING_PART = 0.6
#: And at the most about so many bars, so that memory does not grow with the history.
TRAINING_BARS = 100_000


def starting_model(
    home: DataDirectory,
    settings: Settings,
    history: Callable[[int], Iterator[Bars]],
    scan: Scan,
    notify: Callable[[str], None],
    progress: Callable[[float, str], None],
) -> LightGBMModel:
    """The data directory's model; when there is none yet, one trained on the first part of this history.

    `history(until)` passes over the bars up to that time (and may go on a little behind it); `scan` says how long the
    whole of it is. The model is saved before it is used, so that a restart predicts with the same one. Raises
    `NotEnoughHistoryError` when the history is too short.
    """
    try:
        if home.models.current(DEFAULT_NAME) is not None:
            return home.models.load(DEFAULT_NAME)
    except ModelError as error:
        notify(f"{error}; training a new one")
    part = min(TRAINING_PART, TRAINING_BARS / max(scan.rows, 1))
    until = int(scan.start + (scan.end - scan.start) * part)
    model = fit(history(until), until=until, horizon=settings.horizon, progress=progress)
    with explained(home.path):
        home.models.save(DEFAULT_NAME, model)
        home.models.promote(DEFAULT_NAME, model.version, at=now_ms(), force=True)
    return model


_RETRAIN_SECONDS = 600.0


@contextmanager
def retraining(
    home: DataDirectory,
    settings: Settings,
    history: Callable[[], Iterator[Bars]],
    schedule: str | None,
    notify: Callable[[str], None],
) -> Iterator[None]:
    """Trains again in the background whenever the model in use is older than the schedule allows (None: never).

    A model that is not worse than the one in use is promoted, and the running pipeline takes it up.
    """
    ended = threading.Event()

    def work(schedule: str) -> None:
        while not ended.wait(_RETRAIN_SECONDS):
            now = now_ms()
            try:
                if not due(schedule, home.models.load(DEFAULT_NAME).trained_until, now):
                    continue
                made = retrain(home.models, DEFAULT_NAME, history(), at=now, horizon=settings.horizon)
            except (ModelError, NotEnoughHistoryError, OSError) as error:
                notify(f"not trained again: {error}")
                continue
            notify(f"trained again: {made.model.version} " + ("is in use now" if made.promoted else made.reason))

    if schedule is None:
        yield
        return
    thread = threading.Thread(target=work, args=(schedule,), name="retraining", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
