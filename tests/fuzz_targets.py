"""List the fuzz targets: every parser of foreign bytes, with what to give it and what must hold of what it makes of it.

The suite runs a few hundred examples of each (`tests/unit/test_fuzz.py`), `tests/fuzz.py` as many as are asked for.
"""

from __future__ import annotations

from tests.fuzz_documents import DOCUMENTS
from tests.fuzz_market_data import MARKET_DATA
from tests.fuzz_requests import REQUESTS

TARGETS = (*MARKET_DATA, *DOCUMENTS, *REQUESTS)
