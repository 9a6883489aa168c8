"""Compute Student's t distribution for whole degrees of freedom, in closed form.

What runs live needs it for confidence intervals, and must not need SciPy for it. Tested against SciPy.
"""

from __future__ import annotations

import math
from functools import lru_cache

_STEPS = 200  # halvings of a bracket: more than a double has bits


def upper_tail(t: float, degrees: int) -> float:
    """Return the probability of a value above `t` with `degrees` >= 1 degrees of freedom.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
    """
    if t < 0:
        return 1 - upper_tail(-t, degrees)
    angle = math.atan2(t, math.sqrt(degrees))
    cosine, sine = math.cos(angle), math.sin(angle)
    if degrees % 2:
        term, total = cosine, cosine if degrees > 1 else 0.0
        for k in range(3, degrees - 1, 2):
            term *= (k - 1) / k * cosine * cosine
            total += term
        inside = 2 / math.pi * (angle + sine * total)
    else:
        term, total = 1.0, 1.0
        for k in range(2, degrees - 1, 2):
            term *= (k - 1) / k * cosine * cosine
            total += term
        inside = sine * total
    return max(0.0, (1 - inside) / 2)


@lru_cache(maxsize=4096)
def critical_value(tail: float, degrees: int) -> float:
    """Return the t that is exceeded with probability `tail`, which lies between 1e-9 and 0.5.

    Raises `ValueError` for another tail.
    """
    if not 1e-9 <= tail <= 0.5:
        raise ValueError(f"the tail must lie between 1e-9 and 0.5, not {tail}")
    low, high = 0.0, 1.0
    while upper_tail(high, degrees) > tail:
        low, high = high, 2 * high
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if upper_tail(middle, degrees) > tail:
            low = middle
        else:
            high = middle
        if high - low <= 1e-12 * high:
            break
    return (low + high) / 2
