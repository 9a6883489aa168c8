"""Bars for tests: small, deterministic, and with the shapes that real data has."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from tapeline.core.market import Bars
from tapeline.core.times import MINUTE
from tests import measuring
from tests.aws.conformance.plugin import (
    pytest_configure,
    pytest_sessionfinish,
    pytest_terminal_summary,
    pytest_unconfigure,
)

__all__ = ["pytest_configure", "pytest_sessionfinish", "pytest_terminal_summary", "pytest_unconfigure"]

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")  # how fast the machine is says nothing about the code

START = 1_549_895_400_000  # 2019-02-11 14:30 UTC, the open of a New York session


def random_bars(symbols: int = 3, count: int = 100, seed: int = 0, start: int = START) -> Bars:
    """Return `count` minute bars of a random walk for each of `symbols` symbols, in time order."""
    rng = np.random.default_rng(seed)
    walk = np.exp(np.cumsum(rng.normal(0, 0.001, (count, symbols)), axis=0)) * rng.uniform(5, 500, symbols)
    close = np.round(walk, 4)
    open_ = np.round(np.vstack((close[:1], close[:-1])) * (1 + rng.normal(0, 0.0002, close.shape)), 4)
    high = np.maximum(open_, close) + np.round(rng.exponential(0.001, close.shape) * close, 4)
    low = np.minimum(open_, close) - np.round(rng.exponential(0.001, close.shape) * close, 4)
    return Bars(
        tuple(f"S{i:02d}" for i in range(symbols)),
        np.tile(np.arange(symbols, dtype=np.int32), count),
        np.repeat(start + MINUTE * np.arange(count, dtype=np.int64), symbols),
        open_.ravel(),
        high.ravel(),
        low.ravel(),
        close.ravel(),
        rng.integers(0, 100_000, count * symbols).astype(np.float64),
        np.ones(count * symbols, np.bool_),
    )


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    measuring.mark_and_sort(items)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    if not session.config.pluginmanager.hasplugin("dsession"):  # the process that only hands tests out collects none
        gc.disable()  # nearly all that is made until the tests are collected stays


def pytest_collection_finish() -> None:
    gc.enable()
    gc.freeze()  # else collecting garbage goes through the modules of all tests again and again


@pytest.fixture
def bars() -> Bars:
    return random_bars()
