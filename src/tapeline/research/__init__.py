"""Train and test models on history. Nothing that runs live imports this room or its heavy libraries.

The defaults stand here because commands offer them: importing them imports nothing else.
"""

#: Walk-forward folds.
FOLDS = 5

#: Cost of a trade in a backtest, in 1/100 of a percent of its value.
COST_BPS = 5.0
