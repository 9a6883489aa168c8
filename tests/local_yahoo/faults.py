"""Spread every fault there is over a session."""

from __future__ import annotations

from collections.abc import Callable

from tests.local_yahoo.market import MINUTE
from tests.local_yahoo.server import HOSTILE
from tests.local_yahoo.simulation import Simulation

HOUR = 60 * MINUTE
DAY = 24 * HOUR

Action = Callable[[Simulation], None]


def _charts(*faults: str) -> Action:
    return lambda sim: sim.yahoo.chart_faults.extend(faults)


def _set(name: str, *, to: bool) -> Action:
    return lambda sim: setattr(sim.yahoo, name, to)


def _refuse(sim: Simulation) -> None:
    sim.yahoo.refusing = True
    sim.yahoo.drop_streams()


def _skew(milliseconds: int) -> Action:
    return lambda sim: setattr(sim.machine, "offset", milliseconds)


def _restart(sim: Simulation) -> None:
    sim.halt()
    sim.run()


def _garbage(sim: Simulation) -> None:
    sim.yahoo.send_raw(
        ["!!! no base64", "{", '{"type":"pricing","message":"AAAA"}', '{"type":"hello"}', b"\xff\x00\x01", ""]
    )


def _hostile_frames(sim: Simulation) -> None:
    sim.yahoo.send_raw(
        ['{"a":' * 10_000, "{" + "[" * 10_000, "A" * 60_000, '{"type":"pricing","message":"\\ud800"}', b"\x00" * 60_000]
    )


def _too_long_a_frame(sim: Simulation) -> None:
    sim.yahoo.send_raw(["A" * 1_000_000])


def set_clock(milliseconds: int) -> Action:
    """Set the clock and have the next charts refused, so that a pause begins by a clock that is wrong."""

    def act(sim: Simulation) -> None:
        sim.machine.offset = milliseconds
        sim.yahoo.chart_faults.extend(("429",) * bool(milliseconds))

    return act


#: Parts of a session (0 to 1) and what happens then.
SCHEDULE: tuple[tuple[float, Action], ...] = (
    (0.04, _charts("429", "429", "429 with 200")),
    (0.10, lambda sim: sim.yahoo.drop_streams()),
    (0.16, lambda sim: sim.yahoo.close_streams()),
    (0.20, _set("silent", to=True)),
    (0.24, _set("silent", to=False)),
    (0.28, _garbage),
    (0.33, _charts("500", "503", "500", "cut", "slow", "html")),
    (0.42, _skew(90_000)),
    (0.50, _skew(-90_000)),
    (0.58, _skew(0)),
    (0.62, _refuse),
    (0.72, _set("refusing", to=False)),
    (0.80, _restart),
    (0.88, _charts("slow", "cut", "429", "500")),
    (0.94, lambda sim: sim.yahoo.drop_streams()),
)


#: What comes on top of that with a clock that is set by hours and days, also over the close, and a hostile Yahoo.
HOSTILE_SCHEDULE: tuple[tuple[float, Action], ...] = (
    (0.02, _charts(*HOSTILE)),
    (0.06, set_clock(2 * HOUR)),
    (0.08, set_clock(0)),
    (0.13, set_clock(-2 * HOUR)),
    (0.15, set_clock(0)),
    (0.26, _hostile_frames),
    (0.30, _too_long_a_frame),
    (0.36, set_clock(30 * DAY)),
    (0.38, set_clock(0)),
    (0.45, _charts("endless", "bomb")),
    (0.66, set_clock(-30 * DAY)),
    (0.68, set_clock(0)),
    (0.84, _charts(*HOSTILE)),
    (0.985, set_clock(2 * HOUR)),
    (1.008, set_clock(0)),
)


def faults(sessions: list[tuple[int, int]], *, hostile: bool = False) -> dict[int, Action]:
    """Return the script that puts all faults into each of these sessions, each at a minute of its own."""
    script = {}
    for number, (opened, closed) in enumerate(sessions):
        for part, action in sorted(SCHEDULE + HOSTILE_SCHEDULE * hostile, key=lambda entry: entry[0]):
            at = opened + int((closed - opened) * part) // MINUTE * MINUTE + 7000 * (number % 5) + 13_000
            script[at] = action
    return script
