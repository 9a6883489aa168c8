"""Settings -> wired parts. The only module that chooses backends."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import filelock
import numpy as np

from tapeline.app.config import Settings
from tapeline.backends.sqlite.database import Database, DatabaseError, explained
from tapeline.backends.sqlite.sqlite_store import SqliteStore
from tapeline.backends.sqlite.sqlite_stream import SqliteStream
from tapeline.core.market import Bar, Bars
from tapeline.core.ports import Predictor, Source
from tapeline.feeds.files import Scan
from tapeline.forecast import trees
from tapeline.forecast.features import DEFAULT_FEATURES
from tapeline.forecast.model import LightGBMModel, ModelError
from tapeline.forecast.registry import DEFAULT_NAME, LocalFolder, Registry, Watch
from tapeline.research.training import fit
from tapeline.runtime.pipeline import Pipeline
from tapeline.runtime.processor import Processor

DATABASE_FILE = "tapeline.db"

#: The part of a history's time span that the first model is trained on; it predicts behind it.
TRAINING_PART = 0.6

#: And at the most about so many bars, so that memory does not grow with the history.
TRAINING_BARS = 100_000


@dataclass(frozen=True, slots=True)
class Home:
    """A data directory, opened: the embedded stream and store over its one database file."""

    path: Path
    database: Database
    stream: SqliteStream
    store: SqliteStore

    @property
    def models(self) -> Registry:
        """The models of this data directory."""
        return Registry(LocalFolder(self.path / "models"))


def open_home(settings: Settings, *, create: bool) -> Home:
    """Opens the data directory. Raises `DatabaseError` when it cannot be used."""
    database = Database(settings.data_dir / DATABASE_FILE, create=create)
    return Home(settings.data_dir, database, SqliteStream(database), SqliteStore(database))


@contextlib.contextmanager
def writing(settings: Settings) -> Iterator[Home]:
    """The data directory, opened by the one process that may process into it. Raises `DatabaseError` for a second."""
    path = settings.data_dir
    with explained(path):
        path.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path / "processing.lock")
    with explained(path):
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:  # an OSError itself, so it must not reach `explained`
            raise DatabaseError(
                f"{path}: another tapeline is writing there; stop it or choose another --data-dir"
            ) from error
    try:
        home = open_home(settings, create=True)
        try:
            yield home
        finally:
            home.database.close()
    finally:
        lock.release()


def warm_up(settings: Settings) -> None:
    """Makes every compiled kernel of the pipeline ready: from the cache, or, once on a machine, by compiling them."""
    bars = Bars.of([Bar("A", 0, 1.0, 1.0, 1.0, 1.0, 1.0), Bar("A", 1, 1.0, 1.0, 1.0, 1.0, 1.0, final=False)])
    Processor(settings.indicators).step(bars)
    values = np.full((len(bars), len(DEFAULT_FEATURES.inputs)), np.nan)
    DEFAULT_FEATURES.compute(bars, DEFAULT_FEATURES.inputs, values)
    trees.warm_up()


def starting_model(
    home: Home,
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
        home.models.promote(DEFAULT_NAME, model.version, at=int(time.time() * 1000), force=True)
    return model


def pipeline(
    home: Home,
    settings: Settings,
    source: Source | None,
    predictor: LightGBMModel | None,
    notify: Callable[[str], None],
) -> Pipeline:
    """The embedded pipeline of this source into the data directory. It takes up a model that is promoted meanwhile."""
    watch = Watch(home.models, DEFAULT_NAME, predictor.version if predictor else None)

    def promoted() -> Predictor | None:
        try:
            return watch.poll()
        except (ModelError, OSError) as error:
            notify(f"the promoted model cannot be used: {error}")
            return None

    processor = Processor(settings.indicators, predictor)
    return Pipeline(source, home.stream, home.store, processor, promoted=promoted, notify=notify)
