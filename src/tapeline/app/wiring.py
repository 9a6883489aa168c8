"""Wire the embedded pipeline: a source, the processor and the model in use, over a data directory."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from tapeline.app.config import Settings
from tapeline.app.data_directory import DataDirectory
from tapeline.app.range_models import range_model_in_use, range_watcher
from tapeline.backends.sqlite import block_codec
from tapeline.core.market import Bar, Bars
from tapeline.core.ports import Predictor, Source
from tapeline.errors import TapelineError
from tapeline.forecast import DEFAULT_NAME, range_state, said_codes, time_of_day, trees
from tapeline.forecast.features import DEFAULT_FEATURES
from tapeline.forecast.model import LightGBMModel
from tapeline.forecast.promotion_watcher import PromotionWatcher
from tapeline.indicators import Engine
from tapeline.runtime.indicator_view import KEPT_BARS
from tapeline.runtime.pipeline import Pipeline
from tapeline.runtime.processor import Processor


def warm_up(settings: Settings) -> None:
    """Load every compiled kernel of the pipeline from the cache, or, once on a machine, compile it."""
    bars = Bars.of([Bar("A", 0, 1.0, 1.0, 1.0, 1.0, 1.0), Bar("A", 1, 1.0, 1.0, 1.0, 1.0, 1.0, final=False)])
    Processor(()).step(bars)
    Engine(settings.indicators).update(bars[:1])
    values = np.full((len(bars), len(DEFAULT_FEATURES.inputs)), np.nan)
    DEFAULT_FEATURES.compute(bars, DEFAULT_FEATURES.inputs, values)
    trees.warm_up()
    said_codes.codes(range_state.warm_up())
    time_of_day.warm_up()
    block_codec.warm_up()


def pipeline(
    directory: DataDirectory,
    settings: Settings,
    source: Source | None,
    predictor: LightGBMModel | None,
    notify: Callable[[str], None],
    interval: int | None = None,
    unforecast: Collection[str] = (),
) -> Pipeline:
    """Return the pipeline from this source into the data directory; without a source it processes what others append.

    A model that is promoted while it runs is used from then on, and so is a range model. One that cannot be used, also
    because it is for bars of another length than `interval` (ms), is reported, and the pipeline keeps the one it has.
    No model is asked about the series in `unforecast`, whose bars are of another length.
    """
    range_model = range_model_in_use(directory, notify, interval)
    watcher = PromotionWatcher(
        directory.models, DEFAULT_NAME, predictor.version if predictor else None, interval=interval
    )

    def promoted() -> Predictor | None:
        try:
            return watcher.poll()
        except TapelineError as error:
            notify(f"the promoted model cannot be used: {error}")
            return None

    # Indicators are computed when they are looked at.
    processor = Processor((), predictor, checkpoint_bars=KEPT_BARS, range_model=range_model, unforecast=unforecast)
    return Pipeline(
        source, directory.stream, directory.store, processor, promoted=promoted,
        promoted_range=range_watcher(directory, range_model, notify, interval), notify=notify,
    )  # fmt: skip
