"""Define the API under /api/v1: one module per concern, each with its `routes`; `application` assembles them.

Routes raise the errors of `tapeline.errors`; `problems` turns them into answers. `parameters` holds what operations
take, `formats` how tables are answered.
"""
