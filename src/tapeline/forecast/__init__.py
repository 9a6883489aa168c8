"""Features, labels, training, evaluation, the model registry and the grading of stored predictions."""
