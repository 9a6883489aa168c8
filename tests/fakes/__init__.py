"""Stand-ins for what tapeline talks to. Each passes the contract suite of its port in `tests/contracts`.

A test that only needs *a* store, archive or model takes it from here; one that is about a backend takes the backend.
"""


class CrashError(BaseException):
    """The process died here. Not an `Exception`, so that no error handling of the code under test can catch it."""
