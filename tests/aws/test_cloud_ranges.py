"""The expected move on AWS: made in the function from the promoted model, stored with the row, copied and read back."""

from __future__ import annotations

import base64
import json
import runpy

import numpy as np
import pytest
from botocore.exceptions import ClientError

from tapeline.app.config import variable
from tapeline.backends.aws.dynamodb import DynamoStore
from tapeline.backends.aws.dynamodb.items import _size, read_rows, row_items
from tapeline.backends.aws.s3_registry import S3Folder
from tapeline.core.bars import sort_and_dedupe
from tapeline.core.market import Bars
from tapeline.core.times import DAY
from tapeline.forecast import DEFAULT_NAME
from tapeline.forecast.horizons import horizons_of, odds_columns
from tapeline.forecast.promoted_range import PromotedRange
from tapeline.forecast.range_model import RangeModel
from tapeline.forecast.range_registry import RangeRegistry
from tapeline.forecast.registry import Registry
from tapeline.lambdas import handler as lambda_handler
from tapeline.lambdas import row_copying
from tapeline.research.range_training import fit_sorted
from tapeline.research.training import fit
from tapeline.runtime.processor import Processor
from tests.daily import daily_bars
from tests.event_source import records
from tests.fakes.aws_account import FakeAccount, change_event, event, items, prepared
from tests.terraform.running import ROOT


@pytest.fixture(scope="module")
def history() -> Bars:
    return sort_and_dedupe([daily_bars(symbols=4, count=400)])


@pytest.fixture(scope="module")
def range_model(history: Bars) -> RangeModel:
    return fit_sorted(history[history.timestamp <= np.quantile(history.timestamp, 0.5)], DAY)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, range_model: RangeModel) -> FakeAccount:
    account = prepared(monkeypatch)
    registry = RangeRegistry(S3Folder(account, "data", "models"))
    registry.save(DEFAULT_NAME, range_model)
    registry.promote(DEFAULT_NAME, range_model.version, at=0)
    return account


def last(history: Bars, count: int) -> Bars:
    """Return the last bars of the first symbol."""
    return history[np.flatnonzero(history.code == 0)[-count:]]


def test_rows_have_the_ranges_of_one_machine_bit_for_bit(
    account: FakeAccount, history: Bars, range_model: RangeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever environment runs a batch: the state goes from one to the other through the table."""
    models = {range_model.version: range_model}
    bars = last(history, 120)
    batch = records(list(bars))
    for start in range(0, 120, 50):
        monkeypatch.setattr(lambda_handler, "_function", None)
        lambda_handler.handler(event(batch[start : start + 50]))
    here = Processor((), range_model=range_model).step(bars).rows
    expected = horizons_of(here, models)
    stored = DynamoStore(account.client("dynamodb"), "stock-table", "stock-state").rows("S00")
    assert horizons_of(stored, models) == expected
    price = 1.01 * float(bars.close[-1])
    odds = odds_columns(here, models, price, 3)
    assert np.array_equal(odds_columns(stored, models, price, 3), odds, equal_nan=True)
    assert np.all(np.array(odds)[:, 65:] > 0), "that a price is passed, and that it is touched"
    assert sum(each is not None for each in expected) == 120 - 65
    assert "horizons" not in items(account)[0]
    newest = items(account)[-1]
    assert newest["range_model"] == {"S": range_model.version}
    assert float(newest["horizons"]["M"]["5"]["M"]["low_80"]["N"]) == expected[-1]["5"]["low_80"]  # type: ignore[index]
    row_copying.handler(change_event(account))
    assert account.delivered[-1]["horizons"] == expected[-1]
    assert account.delivered[-1]["range_model"] == range_model.version
    assert "range_codes" not in account.delivered[-1]
    assert not {"horizons", "range_codes"} & {name for item in account.dynamo.rows("stock-state") for name in item}


def test_the_function_can_predict_by_itself_with_the_model_promoted_in_the_bucket(
    account: FakeAccount, history: Bars, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = history[history.timestamp <= np.quantile(history.timestamp, 0.8)]  # later bars are asked about
    model = fit([earlier], rounds=5)
    registry = Registry(S3Folder(account, "data", "models"))
    registry.save(DEFAULT_NAME, model)
    registry.promote(DEFAULT_NAME, model.version, at=0)
    monkeypatch.setenv(variable("aws.predictor"), "local")
    bars = last(history, 120)
    lambda_handler.handler(event(records(list(bars))))
    stored = DynamoStore(account.client("dynamodb"), "stock-table", "stock-state").rows("S00")
    expected = [(row.prediction, row.probability, row.model) for row in Processor((), model).step(bars).rows]
    assert [(row.prediction, row.probability, row.model) for row in stored] == expected
    assert expected[-1][2] == model.version


def test_the_bill_counts_what_a_final_bar_writes(
    account: FakeAccount, history: Bars, monkeypatch: pytest.MonkeyPatch
) -> None:
    bar = runpy.run_path(str(ROOT / "deploy" / "costs.py"), run_name="costs")["WITH_RANGES"]
    monkeypatch.delenv(variable("indicators"))
    lambda_handler.handler(event(records(list(last(history, 400)))))
    row_copying.handler(change_event(account))
    row, copy = items(account)[-1], json.dumps(account.delivered[-1], separators=(",", ":"))
    state = max(
        len(base64.b64decode(value["B"]))
        for item in account.dynamo.rows("stock-state")
        for value in item.values()
        if "B" in value
    )
    found = _size(row) / 1024, len(copy) / 1024, state / 1024
    assert found == pytest.approx((bar.row, bar.copy, bar.state), rel=0.15)
    assert found <= (bar.row, bar.copy, bar.state)


def test_a_symbol_known_without_ranges_begins_with_them(
    account: FakeAccount, history: Bars, range_model: RangeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that is stored is written anew; ranges are said once the longest window is full."""
    pointer = account.objects.pop("data/models/default/current-range.json")
    batch = records(list(last(history, 120)))
    lambda_handler.handler(event(batch[:20]))
    account.objects["data/models/default/current-range.json"] = pointer
    monkeypatch.setattr(lambda_handler, "_function", None)
    lambda_handler.handler(event(batch[20:]))
    said = [item.get("range_model") for item in items(account)]
    assert [bool(each) for each in said] == [False] * (20 + 65) + [True] * 35


def test_the_last_known_model_goes_on_when_the_bucket_cannot_be_read(
    account: FakeAccount, range_model: RangeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    time, warned = [0], []
    promoted = PromotedRange(
        RangeRegistry(S3Folder(account, "data", "models")), DEFAULT_NAME, clock=lambda: time[0], warn=warned.append
    )
    assert promoted.current() == range_model

    def refused(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject")

    monkeypatch.setattr(account, "get_object", refused)
    for minute in range(1, 4):
        time[0] = minute * 60_000
        assert promoted.current() == range_model
    assert len(warned) == 1
    assert "rows have the ranges of the model before" in warned[0]
    assert promoted.known([range_model.version, "another"]) == {range_model.version: range_model}


@pytest.mark.parametrize("codes", [{"S": "no hex"}, {"S": "00ff"}, {"N": "1"}, {}])
def test_codes_that_somebody_else_wrote_are_passed_over(
    codes: dict[str, str], history: Bars, range_model: RangeModel
) -> None:
    rows = Processor((), range_model=range_model).step(last(history, 80)).rows
    (*_, item) = row_items(rows, 0, {range_model.version: range_model}).values()
    assert horizons_of(read_rows([item]), {range_model.version: range_model})[0] is not None
    found = read_rows([item | {"range_codes": codes}])
    assert horizons_of(found, {range_model.version: range_model}) == [None]
