"""Name what can be wrong with the system itself. Health, the page's header, metrics and alerts tell of the same."""

from __future__ import annotations

from collections.abc import Mapping

#: What is wrong, by kind: a line for each thing, none where all is well. A kind that nobody here can tell is absent.
Troubles = Mapping[str, tuple[str, ...]]

#: Every kind, with how to say in a few words that it began and that it is over.
KINDS: Mapping[str, tuple[str, str]] = {
    "feed": ("no prices come in", "prices come in again"),
    "official": ("bars are not made official", "bars are made official again"),
    "clock": ("the clock is not right", "the clock is right again"),
    "collector": ("the collector meets errors", "the collector met no error for an hour"),
    "disk": ("the disk is nearly full", "the disk has room again"),
    "model": ("a model cannot be used", "every model can be used again"),
    "late": ("late bars were set aside", "late bars are corrected again"),
    "blocks": ("stored bars are damaged", "no stored bar is damaged any more"),
}


def lines_of(troubles: Troubles) -> list[str]:
    """Return a line for each thing that is wrong, in the order of the kinds."""
    return [line for kind in KINDS for line in troubles.get(kind, ())]
