"""Every leak guard passes on tapeline's own features, and fails when what it guards is broken on purpose."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tests.daily import DAY, daily_bars
from tests.false_alarms import false_alarms
from tests.planted import hill, late_table, next_close, noisy_table, planted, revised_volume, xor_pair

from tapeline.core.bars import sort_and_dedupe
from tapeline.core.market import Bars
from tapeline.errors import InputError
from tapeline.forecast.labels import Labels
from tapeline.research import audit as guards
from tapeline.research.dataset import Dataset, build
from tapeline.research.walk_forward import walk_forward


@pytest.fixture(scope="module")
def bars() -> Bars:
    return sort_and_dedupe([daily_bars(symbols=5, count=500)])


@pytest.fixture(scope="module")
def clean(bars) -> Dataset:
    return build(bars, only_decided=False)


def whole_mean(bars: Bars, _: np.ndarray) -> np.ndarray:
    """Normalise with a mean over all rows, later ones too: a subtle look-ahead."""
    return bars.volume / bars.volume.mean()


def test_all_guards_pass_on_the_default_features(clean):
    found = list(guards.audit(clean, list(walk_forward(clean, 3))))
    assert [f.guard for f in found] == [
        "future bars", "neighbouring rows", "one interval", "too good to be true", "model too good to be true",
        "random-walk bars", "purge", "shuffled labels",
    ]  # fmt: skip
    assert all(f.passed for f in found), found


@pytest.mark.parametrize("formula", [next_close, whole_mean])
def test_a_planted_look_ahead_is_caught_and_named(bars, formula):
    data = build(bars, features=planted(formula, "planted"), only_decided=False)
    for finding in (guards.future_bars(data), guards.neighbouring_rows(data.bars, data.features)):
        assert not finding.passed
        assert "planted" in finding.detail
        assert "honest" not in finding.detail


def test_a_formula_with_a_table_of_the_future_is_caught_as_too_good(bars):
    table = {(code, time): close for code, time, close in zip(bars.code, bars.timestamp, bars.close, strict=True)}

    def oracle(some, _):
        keys = zip(some.code, some.timestamp, some.close, strict=True)
        return np.array([table.get((code, time + 5 * DAY), close) / close - 1 for code, time, close in keys])

    data = build(bars, features=planted(oracle, "oracle"), only_decided=False)
    finding = guards.feature_too_good(data)
    assert not finding.passed
    assert "oracle" in finding.detail
    assert "honest" not in finding.detail


@pytest.mark.parametrize(
    ("leak", "guards_that_see_it"),
    [
        (noisy_table, {"random-walk bars"}),
        (lambda bars: noisy_table(bars, 4.0, 6), {"random-walk bars", "model too good to be true"}),
        (xor_pair, {"too good to be true"}),
        (hill, {"random-walk bars", "model too good to be true"}),
        (late_table, {"too good to be true"}),
    ],
    ids=["noisy table", "six noisy tables", "xor pair", "hill", "last 17% of the dates"],
)
def test_a_leak_that_single_features_hide_is_caught(bars, leak, guards_that_see_it):
    data = build(bars, features=leak(bars), only_decided=False)
    found = {f.guard: f for f in guards.audit(data, list(walk_forward(data, 5)))}
    assert guards_that_see_it <= {guard for guard, f in found.items() if not f.passed}, found
    for blind in ("future bars", "neighbouring rows", "purge"):
        assert found[blind].passed


def test_volumes_that_were_revised_after_the_close_are_caught_as_too_good(bars):
    revised = dataclasses.replace(bars, volume=revised_volume(bars))
    data = build(revised, only_decided=False)
    assert not guards.feature_too_good(data).passed
    assert "volume_zscore" in guards.feature_too_good(data).detail


def test_days_beside_their_minutes_are_refused_and_caught(bars, clean):
    day = bars[bars.code == 0]
    minutes = dataclasses.replace(day, symbols=("M",), timestamp=day.timestamp[0] + 60_000 * np.arange(len(day)))
    mixed = Bars.concat((dataclasses.replace(day, symbols=("D",)), minutes))
    finding = guards.one_interval(mixed)
    assert not finding.passed
    assert finding.detail == "bars of different lengths: D has 1d, M 1m"
    with pytest.raises(InputError, match="D has 1d, M 1m: give bars of one interval"):
        build(mixed)


def test_honest_features_raise_hardly_any_alarm():
    """At most one set of features in twenty (`python -m tests.false_alarms`), here none of two."""
    assert false_alarms(2) == []


def test_a_label_that_changes_after_it_was_decided_is_caught(clean, monkeypatch):
    honest = guards.label

    def label_by_whole_sample(bars, *rest, **options):
        made = honest(bars, *rest, **options)
        limit = np.nanstd(made.move) / 2  # of all bars, later ones too
        hold = np.abs(made.move) <= limit
        return Labels(np.where(hold, np.int8(3), made.direction), made.move, made.end, made.undecidable)

    monkeypatch.setattr(guards, "label", label_by_whole_sample)
    finding = guards.future_bars(clean)
    assert not finding.passed
    assert "label" in finding.detail


def test_training_rows_that_reach_into_the_test_are_caught(clean):
    folds = list(walk_forward(clean, 2))
    assert guards.purge(clean, folds).passed
    unpurged = [dataclasses.replace(f, train=(clean.timestamp < f.start) & (clean.end > 0)) for f in folds]
    finding = guards.purge(clean, unpurged)
    assert not finding.passed
    assert "decided after" in finding.detail


def test_a_model_that_was_trained_on_its_test_is_caught_by_shuffled_labels(clean):
    folds = list(walk_forward(clean, 2))
    assert guards.shuffled_labels(clean, folds).passed
    decided = np.isin(clean.direction, (1, 2))
    leaking = [dataclasses.replace(f, train=decided) for f in folds]
    assert not guards.shuffled_labels(clean, leaking).passed
