from __future__ import annotations

import pytest
from scipy.stats import t as reference

from tapeline.forecast.student_t import critical_value, upper_tail


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 9, 10, 40, 41])
def test_tails_and_critical_values_equal_scipys(degrees):
    for t in (-3.0, -0.5, 0.0, 0.3, 1.0, 2.5, 8.0):
        assert upper_tail(t, degrees) == pytest.approx(reference.sf(t, degrees), rel=1e-9, abs=1e-13)
    for tail in (0.5, 0.2, 0.025, 0.03, 1e-4, 1e-6):
        assert critical_value(tail, degrees) == pytest.approx(reference.isf(tail, degrees), rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("tail", [0.0, 0.6, -1.0, float("nan")])
def test_a_tail_that_is_none_is_refused(tail):
    with pytest.raises(ValueError, match="between"):
        critical_value(tail, 5)
