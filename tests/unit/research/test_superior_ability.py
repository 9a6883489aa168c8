from __future__ import annotations

import math

import numpy as np
import pytest

from tapeline.research.superior_ability import superior_ability


def losses(gains: tuple[float, ...], times: int = 400, seed: int = 0) -> dict[str, np.ndarray]:
    """Return those of a benchmark and of candidates that are better by these gains on average, alike in time."""
    rng = np.random.default_rng(seed)
    common = rng.normal(0, 1, times)
    shock = rng.normal(0, 1, (times + 4, len(gains)))
    noise = sum(shock[k : k + times] for k in range(5)) / math.sqrt(5)
    named = {f"candidate {k}": common - gain + 0.5 * noise[:, k] for k, gain in enumerate(gains)}
    return {"benchmark": common, **named}


@pytest.mark.parametrize("gains", [(0.0, 0.0, 0.0), (0.12, -0.2, 0.0), (-0.2, 0.05), (0.3, 0.0, 0.0, 0.0, 0.0)])
def test_p_values_equal_those_of_arch(gains):
    from arch.bootstrap import SPA  # takes seconds

    given = losses(gains)
    candidates = np.stack([given[name] for name in given if name != "benchmark"], axis=1)
    peer = SPA(given["benchmark"], candidates, block_size=10, reps=4000, bootstrap="stationary", seed=1)
    peer.compute()
    found = superior_ability("benchmark", given, np.arange(400), 5, draws=4000)
    want = peer.pvalues
    for mine, name in ((found.lower, "lower"), (found.p, "consistent"), (found.upper, "upper")):
        assert mine == pytest.approx(want[name], abs=0.03), name
    assert found.lower <= found.p <= found.upper


def test_the_best_candidate_is_named_and_rows_of_one_time_count_once():
    given = losses((0.3, 0.0))
    one = superior_ability("benchmark", given, np.arange(400), 5)
    assert (one.best, one.candidates) == ("candidate 0", 2)
    assert one.p < 0.01
    many = superior_ability(
        "benchmark", {name: np.repeat(loss, 7) for name, loss in given.items()}, np.repeat(np.arange(400), 7), 5
    )
    assert (many.p, many.best) == (one.p, one.best)


def test_the_more_are_tried_the_less_the_best_one_says():
    few = superior_ability("benchmark", losses((0.12,)), np.arange(400), 5)
    many = superior_ability("benchmark", losses((0.12, *[0.0] * 30)), np.arange(400), 5)
    assert many.p > few.p


def test_candidates_that_are_all_worse_have_a_large_p_value():
    """Arch compares means there and this t values, so the numbers differ."""
    found = superior_ability("benchmark", losses((-0.3, -0.2)), np.arange(400), 5)
    assert 0.4 < found.lower <= found.p <= found.upper


def test_candidates_that_say_what_the_benchmark_says_cannot_be_tested():
    same = np.arange(100.0)
    found = superior_ability("b", {"b": same, "c": same}, np.arange(100), 5)
    assert math.isnan(found.p)
