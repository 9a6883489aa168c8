"""Forecast live: features, labels, trees, the model registry, grading and drift. Nothing here trains.

The defaults stand here because commands offer them: importing them imports nothing else.
"""

#: How many bars ahead to predict by default.
HORIZON = 5

#: Half-width of the no-trade band in standard deviations of the move: about a fifth of all moves end inside 0.25.
NO_TRADE_BAND = 0.25

#: The model that a pipeline uses by default.
DEFAULT_NAME = "default"
