"""Random bars, written in every known layout, are read back as the same bars."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.layout_files import WRITERS

from tapeline.core.market import Bar
from tapeline.feeds.files import FileSource, ReadOptions
from tapeline.feeds.files.known_layouts import LAYOUTS


@pytest.mark.parametrize("layout", WRITERS)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=6, deadline=None)
def test_bars_in_every_layout_are_read_back(layout: str, seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    written = WRITERS[layout](random.Random(seed))
    path = tmp_path_factory.mktemp("layout") / written.name
    path.write_bytes(written.content)
    options = ReadOptions()
    source = FileSource([path], options=options)
    while source.doubts:  # what the rows leave open is settled rightly, one question at a time
        _, doubt = source.doubts[0]
        assert getattr(options, doubt.option) is None, doubt
        options = replace(options, **{doubt.option: written.answers[doubt.option]})
        source = FileSource([path], options=options)
    assert source.problems == []
    found = [bar for delivery in source.deliveries("") for bar in delivery.bars]
    assert sorted(found, key=place) == sorted(written.bars, key=place)


def place(bar: Bar) -> tuple[str, int]:
    return bar.symbol, bar.timestamp


def test_every_layout_that_is_known_has_a_writer() -> None:
    families = {name.partition("-")[0] for name in LAYOUTS} - {"cryptodatadownload"}  # its rows are in test_layouts.py
    assert families <= {name.partition("_")[0] for name in WRITERS}
