"""Settings -> wired parts. The only module that chooses backends."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import filelock
import numpy as np

from tapeline.app.config import Settings
from tapeline.backends.files.file_registry import LocalFolder
from tapeline.backends.sqlite.database import (
    Database,
    explained,
)
from tapeline.backends.sqlite.sqlite_store import SqliteStore
from tapeline.backends.sqlite.sqlite_stream import SqliteStream
from tapeline.core.market import Bar, Bars
from tapeline.core.ports import Predictor, Source
from tapeline.errors import ModelError, StorageError
from tapeline.forecast import trees
from tapeline.forecast.features import DEFAULT_FEATURES
from tapeline.forecast.model import (
    LightGBMModel,
)
from tapeline.forecast.registry import DEFAULT_NAME, PromotionWatcher, Registry
from tapeline.runtime.pipeline import Pipeline
from tapeline.runtime.processor import Processor

DATABASE_FILE = "tapeline.db"


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """A data directory, opened: the embedded stream and store over its one database file."""

    path: Path
    database: Database
    stream: SqliteStream
    store: SqliteStore

    @property
    def models(self) -> Registry:
        """The models of this data directory."""
        return Registry(LocalFolder(self.path / "models"))


def open_data_directory(settings: Settings, *, create: bool) -> DataDirectory:
    """Opens the data directory. Raises `StorageError` when it cannot be used."""
    database = Database(settings.data_dir / DATABASE_FILE, create=create)
    return DataDirectory(settings.data_dir, database, SqliteStream(database), SqliteStore(database))


@contextlib.contextmanager
def writing(settings: Settings) -> Iterator[DataDirectory]:
    """The data directory, opened by the one process that may process into it. Raises `StorageError` for a second."""
    path = settings.data_dir
    with explained(path):
        path.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path / "processing.lock")
    with explained(path):
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:  # an OSError itself, so it must not reach `explained`
            raise StorageError(
                f"{path}: another tapeline is writing there; stop it or choose another --data-dir"
            ) from error
    try:
        home = open_data_directory(settings, create=True)
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


def pipeline(
    home: DataDirectory,
    settings: Settings,
    source: Source | None,
    predictor: LightGBMModel | None,
    notify: Callable[[str], None],
) -> Pipeline:
    """The embedded pipeline of this source into the data directory. It takes up a model that is promoted meanwhile."""
    watch = PromotionWatcher(home.models, DEFAULT_NAME, predictor.version if predictor else None)

    def promoted() -> Predictor | None:
        try:
            return watch.poll()
        except (ModelError, OSError) as error:
            notify(f"the promoted model cannot be used: {error}")
            return None

    processor = Processor(settings.indicators, predictor)
    return Pipeline(source, home.stream, home.store, processor, promoted=promoted, notify=notify)
