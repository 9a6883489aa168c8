"""Keep yfinance from storing the cookies of a test's server among those of the user."""

from __future__ import annotations


def keep_no_cookies() -> None:
    """Give yfinance the cache that keeps nothing.

    The other is a database in the user's own folder, with a connection for each thread that nobody closes; Python says
    so from 3.13 on.
    """
    from yfinance import cache

    cache._CookieCacheManager._Cookie_cache = cache._CookieCacheDummy()
