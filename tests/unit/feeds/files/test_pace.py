"""Replaying in bar time, by a clock that the tests turn."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from tests.conftest import MINUTE, START

from tapeline.feeds.files import FileSource
from tapeline.feeds.files.pace import GAP_SECONDS, PacedSource


class Clock:
    """Time that passes only while it is waited for."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        self.now += seconds
        return False


MINUTES = (0, 1, 2, 5, 1000, 1001)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    lines = [f"{symbol},{START + minute * MINUTE},1,1,1,1,1" for minute in MINUTES for symbol in "AB"]
    file = tmp_path / "a.csv"
    file.write_text("\n".join(["symbol,timestamp,open,high,low,close,volume", *lines]))
    return file


def test_bars_come_at_their_times_and_the_night_is_short(path: Path) -> None:
    clock = Clock()
    paced = PacedSource(FileSource([path]), 60, clock=clock, wait=clock.wait)
    seen = [(clock.now - 100, delivery.bars.timestamp.tolist()) for delivery in paced.deliveries("")]
    assert [times for _, times in seen] == [[START + minute * MINUTE] * 2 for minute in MINUTES]
    assert [seconds for seconds, _ in seen] == pytest.approx([0, 1, 2, 5, 5 + GAP_SECONDS, 6 + GAP_SECONDS])


def test_a_short_gap_is_never_made_longer(path: Path) -> None:
    clock = Clock()
    list(PacedSource(FileSource([path]), 1e6, clock=clock, wait=clock.wait).deliveries(""))
    assert sum(clock.waits) == pytest.approx(1001 * 60 / 1e6)


def test_history_comes_at_once_and_the_rest_in_its_time(path: Path) -> None:
    clock = Clock()
    paced = PacedSource(FileSource([path]), 60, from_time=START + 2 * MINUTE, clock=clock, wait=clock.wait)
    seen = [(clock.now - 100, len(delivery.bars)) for delivery in paced.deliveries("")]
    assert seen == [(0, 4), (0, 2), (3, 2), (4, 2), (5, 2)]


def test_a_slow_consumer_is_not_hurried_afterwards(path: Path) -> None:
    clock = Clock()
    deliveries = PacedSource(FileSource([path]), 60, clock=clock, wait=clock.wait).deliveries("")
    next(deliveries)
    clock.now += 10
    next(deliveries)
    assert clock.waits == []
    next(deliveries)
    assert clock.waits == [1]


def test_a_paced_replay_resumes_and_may_go_on_without_pace(path: Path) -> None:
    clock = Clock()
    source = FileSource([path])
    paced = PacedSource(source, 60, clock=clock, wait=clock.wait)
    assert paced.name == source.name
    deliveries = paced.deliveries("")
    resume = [next(deliveries), next(deliveries)][1].resume
    for again in (FileSource([path]), PacedSource(FileSource([path]), 60, clock=clock, wait=clock.wait)):
        rest = [minute for delivery in again.deliveries(resume) for minute in delivery.bars.timestamp.tolist()]
        assert rest == [START + minute * MINUTE for minute in MINUTES[2:] for _ in "AB"]


def test_close_from_another_thread_ends_a_long_wait_at_once(path: Path) -> None:
    paced = PacedSource(FileSource([path]), 1e-9)
    taken: list[int] = []
    first = threading.Event()

    def collect() -> None:
        for delivery in paced.deliveries(""):
            taken.append(len(delivery.bars))
            first.set()

    collecting = threading.Thread(target=collect)
    collecting.start()
    assert first.wait(30)
    paced.close()
    paced.close()
    collecting.join(30)
    assert not collecting.is_alive()
    assert taken == [2]


@pytest.mark.parametrize("speed", [0, -1, float("nan")])
def test_a_speed_that_is_not_positive_is_refused(speed: float, path: Path) -> None:
    with pytest.raises(ValueError, match="above 0"):
        PacedSource(FileSource([path]), speed)
