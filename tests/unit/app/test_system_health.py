"""What is wrong with the system is found where it is, and shown in health, on the page and in the metrics."""

from __future__ import annotations

import shutil
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.web_site import SPECS, client_of, sample_bars

from tapeline.app import config
from tapeline.app.data_directory import DataDirectory, processing_alone
from tapeline.app.page_wiring import page_data_of
from tapeline.app.system_health import LITTLE_SPACE, SystemHealth
from tapeline.core.messages import Commit
from tapeline.core.troubles import KINDS
from tapeline.feeds.live.live_source import Status
from tapeline.runtime.processor import Processor
from tapeline.web.summary import summary

Usage = namedtuple("Usage", "total used free")
DEAD = Status(
    (), False, False, 1, 0, 0, 0, 0, 0, {},
    troubles={"feed": ("no price for 12 min",), "official": (), "clock": ("it was set",), "collector": ()},
)  # fmt: skip


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Free bytes of the disk, which a test may change."""
    found = [10 * LITTLE_SPACE]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100 * LITTLE_SPACE, 0, found[0]))
    return found


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[DataDirectory]:
    with processing_alone(config.load(data_dir=tmp_path)) as found:
        step = Processor(SPECS).step(sample_bars(2, 50))
        found.store.commit(Commit(step.rows, step.states, 100))
        yield found


def test_a_system_that_is_well_has_no_troubles(directory: DataDirectory, free: list[int]) -> None:
    assert SystemHealth(directory).troubles() == {"disk": (), "blocks": (), "model": ()}


def test_every_part_tells_what_is_wrong_with_it(
    directory: DataDirectory, free: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    free[0] = LITTLE_SPACE // 2
    damaged = directory.path / "models" / "default" / "v1"
    damaged.mkdir(parents=True)
    (damaged / "metadata.json").write_text("{")
    directory.store._damage.note(7, "block 7 of S0 is damaged", advice=False)
    health = SystemHealth(directory, lambda: DEAD, lambda: ["S1: a late record was set aside"])
    found = health.troubles()
    assert found.keys() == KINDS.keys()
    assert found["disk"] == (f"{directory.path}: 0.50 GiB free, fewer than 1: free some space",)
    assert found["blocks"] == ("block 7 of S0 is damaged",)
    assert found["late"] == ("S1: a late record was set aside",)
    assert [line.partition(":")[0] for line in found["model"]] == ["model default/v1"]
    assert (found["feed"], found["official"], found["clock"]) == (("no price for 12 min",), (), ("it was set",))


def test_what_was_found_is_good_for_some_seconds(directory: DataDirectory, free: list[int]) -> None:
    now = [0.0]
    health = SystemHealth(directory, monotonic=lambda: now[0])
    assert health.troubles()["disk"] == ()
    free[0] = 0
    assert health.troubles()["disk"] == ()
    now[0] = 6.0
    assert len(health.troubles()["disk"]) == 1


def test_health_the_metrics_and_open_pages_show_troubles(directory: DataDirectory, free: list[int]) -> None:
    free[0] = LITTLE_SPACE // 4
    with client_of(page_data_of(directory, live=True, collector=lambda: DEAD)) as client:
        found = client.document("/health")
        assert found["status"] == "trouble"
        assert [(each["kind"], each["title"]) for each in found["troubles"]] == [
            ("feed", "no prices come in"), ("clock", "the clock is not right"), ("disk", "the disk is nearly full")
        ]  # fmt: skip
        assert found["errors"] == [each["text"] for each in found["troubles"]]
        metrics = client.get("/metrics").text
        for kind in KINDS.keys() - {"late"}:  # no pipeline is here
            value = 1.0 if kind in {"feed", "clock", "disk"} else 0.0
            assert f'tapeline_trouble{{kind="{kind}"}} {value}' in metrics
        assert summary(client.app.state.page.data, [], {})["troubles"] == found["troubles"]


def test_a_process_without_a_collector_says_nothing_of_it(directory: DataDirectory, free: list[int]) -> None:
    with client_of(page_data_of(directory, live=False)) as client:
        assert client.document("/health")["troubles"] == []
        metrics = client.get("/metrics").text
    assert 'tapeline_trouble{kind="disk"} 0.0' in metrics
    assert 'kind="feed"' not in metrics
