"""Backends of the `Stream` port."""
