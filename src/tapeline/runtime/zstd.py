"""Name Zstandard's codec: from Python 3.14 on its own `compression.zstd`, before that the same code as a package.

Of the packages it is the small one: 2 MB installed, where `zstandard` takes 23.
"""

from __future__ import annotations

import sys

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["zstd"]
