"""Speak to AWS: stream, store, archive, registry, predictor and deployment there."""
