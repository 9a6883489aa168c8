"""Forecast live: features, labels, trees, the model registry, grading and drift. Nothing here trains."""
