"""What the page is given: where rows are read, and what it may say about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tapeline.ports import Store
from tapeline.prediction.model import Metadata


@dataclass(frozen=True, slots=True)
class Replay:
    """How far a replay has come: `done` of `total` bars (None: not known); `ended` when no more will come."""

    done: int
    total: int | None = None
    ended: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """What the page shows. Everything is called from one thread of the page's own.

    `zone` is the exchange's time zone: times are shown in it, and a session is a day of it. `replay` answers with the
    progress of a replay, None when there is none; `stored` with the number of rows in the store. `models` are the
    metadata of the versions that rows name, as far as they are known: what each was asked, and until when it was
    trained. `no_model` says why there are no predictions, where that is so.
    """

    store: Store
    zone: str = "America/New_York"
    replay: Callable[[], Replay | None] = lambda: None
    stored: Callable[[], int | None] = lambda: None
    models: Mapping[str, Metadata] = field(default_factory=dict)
    no_model: str = ""
