"""Bound what is kept of rejected records: the first of each reason whole, of the others only how many there were.

A small hostile file can lead to millions of rejects, and one of them can be a hundred megabytes. What makes rejects
keeps a list short with `thinned`; what stores them keeps to it again with `Quota`, over weeks.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from tapeline.core.market import Reject

#: Bytes of a rejected record that are kept.
RAW_BYTES = 4096

#: Characters of its place and of its reason.
TEXT_LENGTH = 1000

#: Records with the same kind of reason that are kept whole.
KEPT_ALIKE = 1000

#: The place of a reject that stands for many.
REPEATED = "repeated"

_MOST_KINDS = 10_000
_OTHER = "another reason"
_VARIABLE = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\d[\d,.:TZ+-]*")


def kind_of(reason: str) -> str:
    """Return a reason without its numbers, times and quoted values, which differ from record to record."""
    return _VARIABLE.sub("…", reason[:TEXT_LENGTH])


def bounded(reject: Reject) -> Reject:
    """Return the reject with at most `RAW_BYTES` of its record; the reason then says how long it was.

    Its texts can be encoded: a file's name may have bytes that are no text.
    """
    place, reason = _text(reject.place), _text(reject.reason)
    if len(reject.raw) > RAW_BYTES:
        reason += f" (the first {RAW_BYTES:,} of {len(reject.raw):,} bytes are kept)"
    return replace(reject, place=place, reason=reason, raw=reject.raw[:RAW_BYTES])


def _text(text: str) -> str:
    return text[:TEXT_LENGTH].encode("utf-8", "backslashreplace").decode()


def repeated(source: str, kind: str, count: int) -> Reject:
    """Return the one reject that stands for `count` more of this kind."""
    return Reject(source, REPEATED, kind, b"", count)


class Quota:
    """Keep, of all rejects that pass through one process, the first `KEPT_ALIKE` of each kind, and count the others.

    Rejects that already stand for many pass as they are.
    """

    def __init__(self) -> None:
        self._seen: Counter[tuple[str, str]] = Counter()

    def thin(self, rejects: Iterable[Reject]) -> list[Reject]:
        """Return those that are kept, in their order, and after them one for each kind that was only counted."""
        kept: list[Reject] = []
        counted: Counter[tuple[str, str]] = Counter()
        for reject in rejects:
            if reject.count > 1:
                counted[reject.source, kind_of(reject.reason)] += reject.count
                continue
            key = reject.source, kind_of(reject.reason)
            if key not in self._seen and len(self._seen) >= _MOST_KINDS:
                key = reject.source, _OTHER
            self._seen[key] += 1
            if self._seen[key] <= KEPT_ALIKE:
                kept.append(bounded(reject))
            else:
                counted[key] += 1
        return kept + [repeated(source, kind, count) for (source, kind), count in counted.items()]


def thinned(rejects: Iterable[Reject]) -> tuple[Reject, ...]:
    """Return what is kept of the rejects of one answer or file: the first of each kind, and how many more there are."""
    return tuple(Quota().thin(rejects))


def count_of(rejects: Sequence[Reject]) -> int:
    """Return how many records these rejects stand for."""
    return sum(reject.count for reject in rejects)
