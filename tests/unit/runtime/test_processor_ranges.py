"""Range forecasts of the pure step: the same bits live, in batches, replayed and read back from the store."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tapeline.app.config import Settings
from tapeline.app.data_directory import open_data_directory
from tapeline.core.market import Bars
from tapeline.core.messages import Commit
from tapeline.core.rows import Rows
from tapeline.core.series import series_name
from tapeline.errors import DecodeError
from tapeline.forecast import said_codes
from tapeline.forecast.horizons import FIELDS, horizons_of, newest_range, odds_columns
from tapeline.forecast.range_model import RangeModel
from tapeline.forecast.range_state import RangeStates
from tapeline.runtime.corrections import replay_late_bars
from tapeline.runtime.processor import Processor


def processed(bars: Bars, model: RangeModel, size: int = 10_000) -> Rows:
    processor = Processor((), range_model=model)
    return Rows.concat([processor.step(bars[i : i + size]).rows for i in range(0, len(bars), size)])


def forming(bars: Bars) -> Bars:
    return Bars(*(getattr(bars, name) for name in bars.__slots__[:-1]), np.zeros(len(bars), np.bool_))


def test_live_batches_and_the_bare_step_say_the_same_bits(learnable: Bars, range_model: RangeModel) -> None:
    whole = processed(learnable, range_model).said_ranges[0]
    one_by_one = processed(learnable[:1500], range_model, 1).said_ranges[0]
    bare = said_codes.codes(RangeStates().update(learnable, range_model))
    bare[learnable.timestamp <= range_model.trained_until] = 0
    assert np.array_equal(whole[:1500], one_by_one)
    assert np.array_equal(whole, bare)
    assert whole.any()


def test_nothing_is_said_of_bars_that_training_saw(learnable: Bars, range_model: RangeModel) -> None:
    rows = processed(learnable, range_model)
    said = rows.said_ranges[1] >= 0
    assert (rows.bars.timestamp[said] > range_model.trained_until).all()
    assert rows.models == (range_model.version,)


def test_a_restored_processor_goes_on_with_the_same_bits(learnable: Bars, range_model: RangeModel) -> None:
    whole = processed(learnable, range_model).said_ranges[0]
    first, second = (Processor((), range_model=range_model) for _ in range(2))
    cut = 2500
    states = first.step(learnable[:cut]).states
    second.restore(states)
    assert np.array_equal(second.step(learnable[cut:]).rows.said_ranges[0], whole[cut:])


def test_a_state_made_without_a_range_model_does_not_fit_one(learnable: Bars, range_model: RangeModel) -> None:
    states = Processor(()).step(learnable[:600]).states
    with pytest.raises(DecodeError, match="was made without a range model"):
        Processor((), range_model=range_model).restore(states)
    with_ranges = Processor((), range_model=range_model).step(learnable[:600]).states
    Processor(()).restore(with_ranges)


def test_a_range_model_speaks_about_the_series_of_its_interval_only(learnable: Bars, range_model: RangeModel) -> None:
    other = series_name(learnable.symbols[0], range_model.interval + 60_000)
    bars = dataclasses.replace(learnable, symbols=(other, *learnable.symbols[1:]))
    first, second = (Processor((), range_model=range_model) for _ in range(2))
    said = first.step(bars[:2500]).rows.said_ranges[0]
    whole = processed(learnable, range_model).said_ranges[0]
    mine = bars.code[:2500] != 0
    assert np.array_equal(said[mine], whole[:2500][mine])
    assert not said[~mine].any()
    second.restore({symbol: first.state(symbol) for symbol in bars.symbols})
    mine = bars.code[2500:] != 0
    assert np.array_equal(second.step(bars[2500:]).rows.said_ranges[0][mine], whole[2500:][mine])


def test_a_forming_bar_has_no_forecast_of_its_own(learnable: Bars, range_model: RangeModel) -> None:
    bars = learnable[learnable.code == 2]
    processor = Processor((), range_model=range_model)
    processor.step(bars[:-1])
    rows = processor.step(forming(bars[-1:])).rows
    assert not rows.bars.final.any()
    assert (rows.said_ranges[1] == -1).all()


def test_a_forming_bar_shows_the_forecast_of_the_last_closed_one(learnable: Bars, range_model: RangeModel) -> None:
    bars = learnable[learnable.code == 2]
    processor = Processor((), range_model=range_model)
    rows = Rows.concat([processor.step(bars[:-1]).rows, processor.step(forming(bars[-1:])).rows])
    *_, closed, still_open = horizons_of(rows, {range_model.version: range_model})
    assert still_open == closed
    assert closed is not None
    assert list(closed) == ["1", "5", "20"]
    assert tuple(closed["5"]) == FIELDS


def test_what_is_stored_is_bit_for_bit_what_was_said(tmp_path: Path, learnable: Bars, range_model: RangeModel) -> None:
    processor, models = Processor((), range_model=range_model), {range_model.version: range_model}
    with open_data_directory(Settings(data_dir=tmp_path), create=True) as directory:
        said: list[Rows] = []
        for start in range(0, len(learnable), 700):
            step = processor.step(learnable[start : start + 700])
            directory.store.commit(Commit(step.rows, step.states, start, step.checkpoints))
            said.append(step.rows)
        live = Rows.concat(said)
        for code, symbol in enumerate(learnable.symbols):
            mine, stored = live[live.bars.code == code], directory.store.rows(symbol)
            assert horizons_of(stored, models) == horizons_of(mine, models)
            price = 1.01 * float(mine.bars.close[-1])
            odds = odds_columns(mine[-40:], models, price, 3)
            assert np.array_equal(odds_columns(stored[-40:], models, price, 3), odds, equal_nan=True)
            assert np.all(np.array(odds)[:, -21] > 0), "that a price is passed, and that it is touched"


def test_a_correction_changes_no_forecast_that_was_made(
    tmp_path: Path, learnable: Bars, range_model: RangeModel
) -> None:
    """The replayed symbol goes on as if the corrected bar had been there at first; what was said stays."""
    bars = learnable[learnable.code == 1]
    late = bars[500:501]
    late = Bars(
        late.symbols,
        late.code,
        late.timestamp,
        late.open,
        late.high * 1.1,
        late.low,
        late.close,
        late.volume,
        late.final,
    )
    processor = Processor((), range_model=range_model)
    with open_data_directory(Settings(data_dir=tmp_path), create=True) as directory:
        step = processor.step(bars[:-5])
        directory.store.commit(Commit(step.rows, step.states, 1, step.checkpoints))
        before = directory.store.rows("S01").said_ranges[0]
        for correction in replay_late_bars(directory.store, processor, late, 2):
            for commit in correction.commits():
                directory.store.commit(commit)
        after = directory.store.rows("S01")
        assert np.array_equal(after.said_ranges[0], before)
        assert before.any()
        fresh = Processor((), range_model=range_model)
        history = after.bars
        fresh.step(history)
        assert processor.state("S01") == fresh.state("S01")


def test_without_a_model_rows_and_states_are_as_they_were(learnable: Bars) -> None:
    step = Processor(()).step(learnable[:600])
    assert step.rows.ranges is None
    assert all(state.data[0] == 1 for state in step.states.values())


def test_another_model_speaks_about_later_bars_only(learnable: Bars, range_model: RangeModel) -> None:
    other = dataclasses.replace(range_model, rows=range_model.rows + 1)
    processor = Processor((), range_model=range_model)
    first = processor.step(learnable[:3000]).rows
    processor.replace_range_model(other)
    second = processor.step(learnable[3000:]).rows
    both = Rows.concat([first, second])
    names = np.array([*both.models, ""])[both.said_ranges[1]]
    assert set(names[:3000]) <= {range_model.version, ""}
    assert set(names[3000:]) == {other.version}


def test_the_newest_forecast_answers_for_any_price(learnable: Bars, range_model: RangeModel) -> None:
    rows = processed(learnable[learnable.code == 4], range_model)
    said = newest_range(rows, {range_model.version: range_model})
    assert said is not None
    low = said.horizons["5"]["low_95"]
    found = said.odds(low, 5)
    assert found.beyond == pytest.approx(0.025, abs=1e-9)
    assert found.touched >= found.beyond
    assert newest_range(rows[:10], {range_model.version: range_model}) is None
    assert newest_range(rows, {}) is None
