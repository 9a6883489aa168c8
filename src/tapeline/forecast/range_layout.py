"""Say where things stand: what the range forecast remembers of a symbol, and the numbers it takes and gives.

A state is one row of float64. It has rings of the last values, running sums over windows of them, means that forget,
the forecasts whose outcome is not known yet, and what is known of how the symbol differs from the pool. Its size does
not grow with the bars.
"""

from __future__ import annotations

#: How many bars ahead the expected move is forecast.
HORIZONS = (1, 5, 20)

#: Bars before the first forecast: the longest window.
WARM_UP = 66

#: Values a symbol's rings of variances and volumes hold; a window may not be longer.
RING = 66

#: The regressors of the variance, in the order of a model's coefficients. Logarithms are relative to a slow mean of the
#: variance, returns to its root; `quarter` is the variance one quarter before the bars that are forecast.
REGRESSORS = (
    "last", "mean_5", "mean_15", "mean_22", "mean_30", "mean_60", "mean_66", "fast", "fast_squares", "within_5",
    "squares_22", "long_run", "fall", "move_5", "move_22", "size", "volume", "volume_5", "quarter",
)  # fmt: skip

#: The regressors of the volume, in the order of a model's coefficients: logarithms, relative to a slow mean of it.
VOLUME_REGRESSORS = ("last", "mean_5", "mean_22", "mean_66", "fast", "variance", "size", "quarter")

#: Places of single numbers in a state.
COUNT, LAST_TIME, LAST_CLOSE, UNBROKEN, VARIANCE_AT, WITHIN_AT, RETURN_AT = range(7)
SLOW, SLOW_WEIGHT, FAST, FAST_SQUARES, FAST_WEIGHT, LONG_RUN, LONG_RUN_WEIGHT = range(7, 14)
SLOW_VOLUME, FAST_VOLUME = 14, 15
#: The first of several neighbouring numbers: sums over windows, those of each horizon a quarter ago, and the four
#: rings.
SUMS, WITHIN_SUM, MOVE_SUMS, SQUARES_SUM, VOLUME_SUMS = 16, 23, 24, 26, 27
QUARTERS, VOLUME_QUARTERS = 30, 30 + len(HORIZONS)
VARIANCES = VOLUME_QUARTERS + len(HORIZONS)
VOLUMES, WITHINS, RETURNS = VARIANCES + RING, VARIANCES + 2 * RING, VARIANCES + 2 * RING + 5
#: What was forecast and is not decided: log variance, sigma and log close, a ring of each horizon's length; then, for
#: each horizon, sum and weight of what is known of the symbol's variance and of its squared returns.
PENDING = RETURNS + 22
SCALES = PENDING + 3 * sum(HORIZONS)
WIDTH = SCALES + 4 * len(HORIZONS)

#: Places in the numbers of a model that the step takes beside the coefficients.
SLOW_DECAY, LONG_RUN_DECAY, SCALE_DECAY, RETURN_SHRINKAGE, LONGEST_STEP, SHORTEST_STEP, OF_HORIZONS = range(7)
#: After these come, for each horizon: smear, mean of squared standardised returns, the same of capped ones, smear of
#: the volume, and as how many outcomes it counts that a symbol's variance is like the pool's.
SMEAR, MEAN_SQUARE, CAPPED_SQUARE, VOLUME_SMEAR, SHRINKAGE = range(5)
OF_HORIZON = 5
NUMBERS = OF_HORIZONS + OF_HORIZON * len(HORIZONS)

#: Columns of what the step gives of a bar: sigmas, usual sigma of one bar (of the long run), volumes; then, for who
#: judges it, the mean variances that are expected, and the bar's own variance.
SAID = 2 * len(HORIZONS) + 1
OUTPUTS = SAID + len(HORIZONS) + 1

#: Columns of the regressors that the step gives for training: variance, slow mean of it, volume, log of its slow mean;
#: the regressors of variance, whose last is of each horizon; those of volume likewise.
VARIANCE_REGRESSORS_AT = 4
VOLUME_REGRESSORS_AT = VARIANCE_REGRESSORS_AT + len(REGRESSORS) - 1 + len(HORIZONS)
REGRESSORS_WIDTH = VOLUME_REGRESSORS_AT + len(VOLUME_REGRESSORS) - 1 + len(HORIZONS)


def of_horizon(k: int, which: int) -> int:
    """Return the place in a model's numbers of one of the k-th horizon, such as `SMEAR`."""
    return OF_HORIZONS + OF_HORIZON * k + which
