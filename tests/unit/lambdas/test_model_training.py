from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.daily import daily_bars

from tapeline.backends.files.file_registry import load_model
from tapeline.core.market import Bars
from tapeline.forecast.range_model import RANGE, RangeModel
from tapeline.lambdas import model_training
from tapeline.lambdas.model_training import train
from tapeline.research.range_training import fit_range
from tapeline.research.training import fit


def write(path: Path, bars: Bars) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["symbol", "timestamp", "open", "high", "low", "close", "volume"])
        out.writerows([b.symbol, b.timestamp, b.open, b.high, b.low, b.close, b.volume] for b in bars)


@pytest.fixture(scope="module")
def bars() -> Bars:
    return daily_bars(symbols=4, count=400)


@pytest.fixture
def root(tmp_path, bars) -> Path:
    write(tmp_path / "input/data/training/a.csv", bars[: len(bars) // 2])
    write(tmp_path / "input/data/training/deeper/b.csv", bars[len(bars) // 2 :])
    return tmp_path


def hyperparameters(root: Path, values: object) -> None:
    path = root / "input/config/hyperparameters.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(values if isinstance(values, str) else json.dumps(values))


def failure(root: Path) -> str:
    return (root / "output/failure").read_text()


def test_it_trains_on_all_channels_with_string_hyperparameters(root, bars, capsys):
    hyperparameters(
        root,
        {"horizon": "3", "seed": '"7"', "num_leaves": "7", "learning_rate": "0.1",
         "sagemaker_program": "x.py"},
    )  # fmt: skip
    assert train(root) == 0
    model = load_model(root / "model")
    want = fit([bars], horizon=3, seed=7, parameters={"num_leaves": 7, "learning_rate": 0.1})
    assert model.text == want.text
    assert not (root / "output").exists()
    printed = capsys.readouterr().out
    assert f"model_version={model.version};" in printed
    ranges = RangeModel.restore((root / "model" / RANGE).read_bytes())
    assert ranges == fit_range([bars])
    assert f"range_model_version={ranges.version};" in printed
    assert "held_back_log_loss=0." in printed


def test_without_hyperparameters_the_defaults_apply(root, bars):
    assert train(root) == 0
    assert load_model(root / "model").text == fit([bars]).text


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"horizon": "five"}, "hyperparameter horizon = 'five' is not int"),
        ({"epochs": "3"}, "unknown hyperparameter 'epochs'; known are"),
        ("{", "not valid JSON"),
        ("[]", "not a JSON object"),
        ({"horizon": "0"}, "at least 1 bar"),
    ],
)
def test_wrong_hyperparameters_are_a_failure_with_the_reason(root, values, reason):
    hyperparameters(root, values)
    assert train(root) == 1
    assert reason in failure(root)
    assert not (root / "model").exists()


def test_no_data_too_little_data_and_no_bars_are_failures(tmp_path, bars):
    assert train(tmp_path / "a") == 1
    assert "no file of bars" in failure(tmp_path / "a")
    write(tmp_path / "b/input/data/train/x.csv", bars[:100])
    assert train(tmp_path / "b") == 1
    assert "direction model needs 500" in failure(tmp_path / "b")
    broken = tmp_path / "c/input/data/train/x.csv"
    broken.parent.mkdir(parents=True)
    broken.write_text("hello\nworld\n")
    assert train(tmp_path / "c") == 1
    assert "x.csv" in failure(tmp_path / "c")


def test_a_defect_is_a_failure_too_and_its_reason_is_short(root, monkeypatch, capsys):
    def broken(*_, **__):
        raise ZeroDivisionError("x" * 5000)

    monkeypatch.setattr(model_training, "fit", broken)
    assert train(root) == 1
    assert failure(root).startswith("ZeroDivisionError: xxx")
    assert len(failure(root)) == 1024
    assert "Traceback" in capsys.readouterr().err


def test_the_container_exits_non_zero_and_writes_the_failure(tmp_path):
    command = [sys.executable, "-m", "tapeline.lambdas.sagemaker", "train", "--root", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "no file of bars" in failure(tmp_path)
    assert "Traceback" not in done.stderr
