"""Write and read arrays of floats in NumPy's own format, between the predictor and the endpoint.

Nothing is ever unpickled. `numpy.load` allocates whatever shape the sender claims; here the claim must match the bytes
that are there.
"""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
from numpy.lib import format as npy

from tapeline.core.market import Floats

#: Content type, which SageMaker's containers commonly take.
NPY = "application/x-npy"

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def packed(array: Floats) -> bytes:
    """Return a float64 array of any shape as bytes."""
    file = io.BytesIO()
    npy.write_array(file, np.ascontiguousarray(array, "<f8"), allow_pickle=False)
    return file.getvalue()


def unpacked(body: bytes) -> np.ndarray[Any, np.dtype[np.floating[Any]]]:
    """Return the array of floats, of any width, in these bytes; it is read-only. Raises `ValueError`."""
    file = io.BytesIO(body)
    version = npy.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"version {version[0]}.{version[1]} of the format is not read, write 1.0 or 2.0")
    try:
        shape, columns_first, dtype = _HEADERS[version](file)
    except Exception as error:  # numpy evaluates parts of it as Python, and lets through what that raises
        raise ValueError(f"its header cannot be read: {error}") from error
    if any(type(length) is not int for length in shape):  # True is an integer, but no length
        raise ValueError(f"shape {shape} holds something else than lengths")
    if dtype.kind != "f":
        raise ValueError(f"it holds {dtype}, not floats")
    start, size = file.tell(), math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or len(body) - start != size:
        raise ValueError(f"shape {shape} of {dtype} takes {size} bytes, there are {len(body) - start}")
    return np.frombuffer(body, dtype, offset=start).reshape(shape, order="F" if columns_first else "C")
