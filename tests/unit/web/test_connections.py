"""Which connections may stay: the caps hold whatever clients do, and whoever is being answered is left alone."""

from __future__ import annotations

import logging
import resource

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeline.web import connections as module
from tapeline.web.connections import Connections


class FakeConnection:
    def __init__(self) -> None:
        self.closed = False
        self.overdue = False

    def is_overdue(self, now: float) -> bool:
        return self.overdue

    def abort(self) -> None:
        self.closed = True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def small(patch: pytest.MonkeyPatch, clock: Clock | None = None) -> Connections:
    """Return a table for 6 connections, 3 of each client."""
    patch.setattr(module, "MOST_CONNECTIONS", 6)
    patch.setattr(module, "MOST_OF_ONE_CLIENT", 3)
    return Connections(clock or Clock())


def test_the_longest_waiting_of_a_client_makes_room_for_its_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    table = small(monkeypatch)
    answered, oldest, other, newest = (FakeConnection() for _ in range(4))
    for one in (answered, oldest, other):
        assert table.admit(one, "a")
    table.is_answered(answered)
    assert table.admit(newest, "a")
    assert [one.closed for one in (answered, oldest, other, newest)] == [False, True, False, False]
    table.is_answered(other)
    table.waits(other)
    assert table.admit(FakeConnection(), "a")
    assert newest.closed, "the other one has begun to wait after it"
    assert (len(table), table.closed, table.refused) == (3, 2, 0)


def test_a_client_whose_connections_are_all_busy_is_refused_and_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    table = small(monkeypatch)
    for client in ("a", "b"):
        for _ in range(3):
            busy = FakeConnection()
            assert table.admit(busy, client)
            if client == "a":
                table.is_answered(busy)
    assert not table.admit(FakeConnection(), "a")
    assert table.admit(FakeConnection(), "c"), "in place of one of b, which waits"
    assert (len(table), table.closed, table.refused) == (6, 1, 1)


def test_a_trusted_proxy_brings_many_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    table = small(monkeypatch)
    assert all(table.admit(FakeConnection(), "") for _ in range(6))
    assert (len(table), table.closed) == (6, 0)


def test_what_waits_too_long_is_closed_and_said_once_a_minute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    table = small(monkeypatch, clock)
    with caplog.at_level(logging.WARNING):
        for _ in range(300):
            slow = FakeConnection()
            table.admit(slow, "a")
            slow.overdue = True
            table.sweep()
            assert slow.closed
            clock.now += 1
        assert len(caplog.records) == 5
        assert "60 were closed" in caplog.text
        caplog.clear()
        clock.now += 100
        table.sweep()
        clock.now += 100
        table.sweep()
        assert len(caplog.records) == 1, "nothing more to say"


def test_the_cap_leaves_descriptors_for_everything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def cap(soft: int, hard: int) -> tuple[int, tuple[int, int] | None]:
        raised: list[tuple[int, int]] = []
        monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
        monkeypatch.setattr(resource, "setrlimit", lambda _, limits: raised.append(limits))
        table = Connections()
        table.prepare()
        return table._most, raised[0] if raised else None

    assert cap(1024, 1024) == (768, (1024, 1024))
    assert cap(256, 256) == (64, (256, 256))
    assert cap(1024, 1 << 20) == (1000, (4096, 1 << 20))
    assert cap(256, resource.RLIM_INFINITY) == (1000, (4096, resource.RLIM_INFINITY))
    assert cap(20_000, 20_000) == (1000, None)
    assert cap(resource.RLIM_INFINITY, resource.RLIM_INFINITY) == (1000, None)


steps = st.tuples(
    st.sampled_from(["admit", "answer", "wait", "replace", "leave", "overdue"]), st.integers(0, 4), st.integers(0, 9)
)


@settings(max_examples=400, deadline=None)
@given(st.lists(steps, max_size=120))
def test_the_caps_hold_whatever_clients_do(steps: list[tuple[str, int, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        table = small(patch)
        client_of: dict[FakeConnection, str] = {}
        busy: set[FakeConnection] = set()
        for action, client, index in steps:
            known = [one for one in client_of if not one.closed]
            one = known[index % len(known)] if known else None
            if action == "admit":
                new, name = FakeConnection(), f"client {client}" if client else ""
                if table.admit(new, name):
                    client_of[new] = name
            elif one is not None and action == "answer":
                table.is_answered(one)
                busy.add(one)
            elif one is not None and action == "wait":
                table.waits(one)
                busy.discard(one)
            elif one in busy and action == "replace":
                table.replace(one, new := FakeConnection())
                client_of[new] = client_of.pop(one)
                busy = busy - {one} | {new}
            elif one is not None and action == "leave":
                table.remove(one)
                table.remove(one)
                del client_of[one]
                busy.discard(one)
            elif one is not None:
                one.overdue = one not in busy
                table.sweep()
            assert not any(one.closed for one in busy)
            open_now = [one for one in client_of if not one.closed]
            assert len(table) == len(open_now) <= 6
            for name in {client_of[one] for one in open_now} - {""}:
                assert sum(client_of[one] == name for one in open_now) <= 3
        for one in [one for one in client_of if not one.closed]:
            table.remove(one)
        assert (len(table), table._counts, table._waiting, table._oldest) == (0, {}, {}, {})
