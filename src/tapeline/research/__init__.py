"""Train and test models on history. Nothing that runs live imports this room or its heavy libraries."""
