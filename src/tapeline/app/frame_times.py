"""Read the times of a data frame as the reader of files does: the same texts, numbers and units mean the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tapeline.core.market import Ints
from tapeline.core.times import DAY
from tapeline.errors import InputError
from tapeline.feeds.files.column_times import Times
from tapeline.feeds.files.column_values import REASONS
from tapeline.feeds.files.interpretation import zone_of
from tapeline.feeds.files.time_forms import TimeForm, form_of_column, is_text

#: This many values show what the numbers of a column are.
_SAMPLE = 2000


def epoch_of(name: str, column: pa.ChunkedArray, zone: str | None, date_format: str | None) -> tuple[Ints, str | None]:
    """Return a column of times as UTC epoch ms, int64 [n], and their zone; None where they name none and are no dates.

    Those without a zone are in `zone`, UTC where it is None. Raises `InputError` where a value is no time, and where
    day and month cannot be told apart.
    """
    values = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()  # the latter copies
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    form = _form(name, values, date_format)
    if form.name == "ISO-8601" and form.kind in {"local", "zoned"} and zone is None:
        try:  # Arrow's own way takes a tenth of the time
            kind = pa.timestamp("ms", "UTC" if form.kind == "zoned" else None)
            found: Ints = values.cast(kind).cast(pa.int64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid:
            pass
        else:
            return found, None if form.kind == "local" and not are_dates(found) else "UTC"
    times, state = Times(form, zone_of(zone or "")).read(values)
    if state.any():
        row = int(np.argmax(state != 0))
        raise InputError(
            f"column {name} is not times: row {row} {REASONS[state[row]].format(repr(values[row].as_py()))}"
        )
    if pa.types.is_timestamp(values.type) and values.type.tz:
        return times, values.type.tz
    return times, None if form.kind in {"local", "excel"} and zone is None and not are_dates(times) else zone or "UTC"


def are_dates(times: Ints) -> bool:
    """Return whether all times are midnights. Mostly the first one is none, and dividing all takes time."""
    return not (times[:1] % DAY).any() and not (times % DAY).any()


def _form(name: str, values: Any, date_format: str | None) -> TimeForm:
    some = values[:_SAMPLE]
    if not is_text(values) and len(values) > 2 * _SAMPLE:
        some = pa.concat_arrays([some, values[-_SAMPLE:]])
    form, doubt = form_of_column(some, "", date_format, lambda: pc.utf8_trim_whitespace(values).to_pylist())
    if doubt:
        formats = " or ".join(f'date_format="{answer}"' for answer in doubt.answers)
        raise InputError(f"column {name}: {doubt.question}; give {formats}")
    if form is None:
        first = str(values[0].as_py()).strip() if len(values) else ""
        raise InputError(f"column {name} is not times: {first!r}; write ISO-8601 or epoch ms")
    return form
