"""The API under /api/v1: one module per concern, each with a `router(context)`; `application` puts them together."""
