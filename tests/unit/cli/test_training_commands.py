"""`tapeline train`, `evaluate`, `models` and `score` as a user calls them."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import sys
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from tests.daily import daily_bars
from tests.planted import revised_volume
from typer.testing import CliRunner

from tapeline.app import config
from tapeline.app.data_directory import processing_alone
from tapeline.cli import training_commands
from tapeline.cli.main import app
from tapeline.core.market import OHLCV, Bars
from tapeline.core.messages import Commit
from tapeline.errors import TapelineError
from tapeline.research.training import fit
from tapeline.runtime.processor import Processor

SINS = """
import numpy as np
from tapeline.forecast.features import FeatureSet

def peek(bars, x):
    return np.column_stack((x[:, 0] / bars.close, np.append(bars.close[9:], bars.close[-9:]) / bars.close))

SIN = FeatureSet(["sma_5"], ["sma_5"], ["honest", "peeking"], peek)
FINE = FeatureSet(["sma_5"], ["sma_5"], ["honest"], lambda bars, x: x / bars.close[:, None])
OTHER = 7
"""


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def bars() -> Bars:
    return daily_bars(symbols=4, count=700)


@pytest.fixture(scope="module")
def file(bars, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("bars") / "bars.csv"
    with path.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["symbol", "timestamp", "open", "high", "low", "close", "volume"])
        rows.writerows([b.symbol, b.timestamp, b.open, b.high, b.low, b.close, b.volume] for b in bars)
    return path


def call(*arguments: object, fails: int = 0) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if isinstance(result.exception, TapelineError):
        assert fails == 1, result.exception
        return str(result.exception)
    assert result.exit_code == fails, (result.output, result.exception)
    if fails:
        return re.sub(r"[\s│]+", " ", result.stdout or result.output)  # usage errors are drawn into a box
    return result.stdout


def test_training_makes_a_version_and_puts_it_to_use(file, bars):
    made = json.loads(call("train", file, "--json"))
    assert made["version"] == fit([bars]).version
    assert made["in_use"]
    assert made["interval"] == 86_400_000
    assert "reference" not in made
    text = call("train", file, "--seed", 1, "--no-promote")
    assert text.splitlines()[0].startswith("Direction: no skill: log-loss gain ")
    listed = [each for each in json.loads(call("models", "list", "--json")) if each["kind"] == "direction"]
    assert [entry["in_use"] for entry in listed].count(True) == 1
    assert len(listed) == 2
    assert made["version"] in call("models", "list")
    assert json.loads(call("models", "show", "--json"))["version"] == made["version"]
    other = next(entry["version"] for entry in listed if not entry["in_use"])
    assert "in use" in call("models", "show", other)
    assert "is" in call("models", "promote", other, "--force")
    assert made["version"] in call("models", "rollback")
    assert "no earlier promotion" in call("models", "rollback", fails=1)


def test_range_models_are_listed_shown_promoted_and_taken_back(file):
    def trained(*options: str) -> str:
        result = CliRunner().invoke(app, ["train", str(file), "--json", *options])
        assert result.exit_code == 0, result.output
        return next(line for line in result.stderr.splitlines() if "range model " in line)

    def version_in(line: str) -> str:
        return re.search(r"range-\d{8}-[0-9a-f]{8}", line)[0]

    def in_use() -> list[str]:
        listed = json.loads(call("models", "list", "--json"))
        return [each["version"] for each in listed if each["kind"] == "range" and each["in_use"]]

    line = trained("--until", "2020-11-01")
    first = version_in(line)
    assert line.endswith(f"range model {first} is in use now"), "there is none to go back to"
    assert "earlier promotion" in call("models", "rollback", "--ranges", fails=1)
    line = trained()
    second = version_in(line)
    assert line.endswith(f"range model {second} is in use now; back to {first}: tapeline models rollback --ranges")
    assert in_use() == [second]
    assert [row.split("\t")[1:4] for row in call("models", "list").splitlines() if "range-" in row] == [
        [first, "range", ""], [second, "range", "yes"],
    ]  # fmt: skip
    assert call("models", "rollback", "--ranges") == f"the range model of default is {first} again\n"
    assert in_use() == [first]
    assert call("models", "promote", second) == f"the range model of default is {second} now\n"
    assert in_use() == [second]
    shown = json.loads(call("models", "show", first, "--json"))
    assert (shown["kind"], shown["in_use"], shown["horizons"]) == ("range", False, [1, 5, 20])
    assert json.loads(call("models", "show", "--ranges", "--json"))["version"] == second
    assert json.loads(call("models", "show", "--json"))["kind"] == "direction"
    assert "1, 5, 20 bars" in call("models", "show", second)
    assert "see tapeline models list" in call("models", "promote", "range-20200101-00000000", fails=1)
    assert f"models promote {second} --name x puts it to use" in trained("--name", "x", "--no-promote")


def test_the_range_model_is_shown_where_no_direction_model_is_in_use(file, tmp_path):
    few = tmp_path / "few.csv"
    few.write_text("\n".join(file.read_text().splitlines()[:600]))
    call("train", few, fails=1)
    assert json.loads(call("models", "show", "--json"))["kind"] == "range"
    assert "range" in call("models", "list")


def test_training_until_a_day_sees_nothing_later(file, bars):
    day = np.datetime64(int(bars.timestamp[-400]), "ms").astype("M8[D]")
    made = json.loads(call("train", file, "--until", day, "--json"))
    assert made["trained_until"] <= day.astype("M8[ms]").astype(int)
    assert made["version"] == fit([bars], until=int(day.astype("M8[ms]").astype(int))).version


def test_training_takes_the_bars_of_one_length(file, bars, tmp_path):
    minutes = tmp_path / "minutes.csv"
    start = int(bars.timestamp[-1]) + 15 * 3_600_000
    rows = [f"{bars.symbols[0]},{start + at * 60_000},1,2,0.5,1.5,9" for at in range(60)]
    rows[7] = rows[7].replace("1.5,9", "none,9")
    minutes.write_text("\n".join(["symbol,timestamp,open,high,low,close,volume", *rows]) + "\n")
    done = CliRunner().invoke(app, ["train", str(minutes), str(file), "--json"], catch_exceptions=False)
    assert done.stderr.count("left out, first") == 1
    assert f"1 record left out, first {minutes}:row 9: close is empty; " in done.stderr
    made = json.loads(done.stdout)
    assert (made["version"], made["interval"]) == (fit([bars]).version, 86_400_000)


def test_the_models_folder_can_be_chosen(file, tmp_path):
    call("train", file, "--models", tmp_path / "elsewhere", "--json")
    assert (tmp_path / "elsewhere" / "default" / "current.json").exists()
    assert (tmp_path / "elsewhere" / "default" / "current-range.json").exists()
    assert call("models", "list", "--models", "s3://", fails=2)


def test_mistakes_are_one_line(file, tmp_path):
    assert "No such file" in call("train", tmp_path / "nothing.csv", fails=1)
    assert "not both" in call("train", fails=2)
    assert "not both" in call("train", file, "--symbols", "A", fails=2)
    assert "no version x of default" in call("models", "promote", "x", fails=1)
    assert "no version of default is in use" in call("models", "show", fails=1)
    few = tmp_path / "few.csv"
    lines = file.read_text().splitlines()
    few.write_text("\n".join(lines[:200]))
    assert "direction model needs 500, from at least " in call("train", few, fails=1)
    few.write_text("\n".join(lines[:900]))
    assert "fold 1 of 5" in call("evaluate", few, "--no-forest", "--no-trade", fails=1)
    assert "--features" in call("evaluate", file, "--features", "nothing.py:X", fails=2)
    assert "is no name" in call("train", file, "--name", "../x", fails=1)


def test_evaluation_says_first_whether_it_is_better_and_writes_its_reports(file, tmp_path):
    arguments = ("evaluate", file, "--folds", 2, "--no-forest", "--no-trade", "--audit")
    text = call(*arguments, "--report", "r.html", "--table", "t.md")
    moves, direction = text.splitlines()[:2]
    assert moves.startswith("Expected move: ")
    assert "the 80% band held" in moves
    assert direction.startswith("Direction: ")
    assert "BETTER" not in direction
    assert "Leak audit" in text
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")
    assert (tmp_path / "t.md").read_text().startswith("**Direction: ")
    document = json.loads(call(*arguments, "--json"))
    assert document["headline"] == direction
    assert document["ranges"]["headline"] == moves
    assert not document["better"]
    assert "No such file" in call(*arguments, "--report", tmp_path / "no" / "r.html", fails=1)


def test_a_users_own_features_are_audited(file, tmp_path):
    sins = tmp_path / "mine.py"
    sins.write_text(SINS)
    arguments = ("evaluate", file, "--folds", 1, "--no-forest", "--no-trade", "--no-ranges", "--audit", "--features")
    text = call(*arguments, f"{sins}:SIN", fails=1)
    assert text.startswith("NOT TO BE TRUSTED")
    assert "peeking" in text
    assert call(*arguments, f"{sins}:FINE").startswith("Direction: ")
    assert "no FeatureSet called OTHER" in call(*arguments, f"{sins}:OTHER", fails=2)


@pytest.fixture
def stored(bars, tmp_path) -> Path:
    """A data directory in which a model has predicted the second half of the bars."""
    settings = config.load(data_dir=tmp_path / "data")
    until = int(np.quantile(bars.timestamp, 0.6))
    model = fit([bars], until=until)
    with processing_alone(settings) as directory:
        rows = Processor(("sma_5",), model).step(bars).rows
        directory.store.commit(Commit(rows, {}, len(bars)))
    call(
        "train",
        "--symbols",
        "all",
        "--until",
        np.datetime64(until, "ms").astype("M8[s]"),
        "--data-dir",
        settings.data_dir,
    )
    return settings.data_dir


def test_stored_predictions_are_graded(stored):
    shown = CliRunner().invoke(app, ["score", "--data-dir", str(stored)])
    text = shown.stdout
    assert text.startswith("Direction: "), "the verdict is the first line"
    assert (
        "Graded: all 2,800 stored bars of 4 series. The page's Model tab grades at most the newest 500 of"
        in shown.stderr
    )
    assert "nan" not in text
    found = json.loads(call("score", "--data-dir", stored, "--json"))
    whole = found["grades"][0]
    assert whole["symbol"] == ""
    assert whole["predicted"] == 1120
    assert whole["pending"] == 20
    assert whole["graded"] > 500
    assert {g["symbol"] for g in found["grades"]} == {"", "S00", "S01", "S02", "S03"}
    assert next(iter(found["drift"].values()))[0]["psi"] >= 0
    one = json.loads(call("score", "S01", "--last", 100, "--data-dir", stored, "--json"))
    assert one["grades"][0]["predicted"] == 100
    assert (one["rows"], one["symbols"], one["per_symbol"]) == (100, 1, 100)
    assert (one["grades"][0]["pending"], one["grades"][0]["undecidable"]) == (5, 0)
    assert "symbols there: S00, S01" in call("score", "NOPE", "--data-dir", stored, fails=1)


def test_a_model_is_trained_on_what_is_stored(stored, bars):
    made = json.loads(call("train", "--symbols", "S00,S01,S02,S03", "--data-dir", stored, "--name", "x", "--json"))
    assert made["version"] == fit([bars]).version


def test_training_from_stored_bars_sees_what_was_known_live(bars, tmp_path):
    """Volumes that were corrected after the close tell nothing: the model is that of the volumes seen live."""
    directory = tmp_path / "data"
    with processing_alone(config.load(data_dir=directory)) as opened:
        rows = Processor(("sma_5",)).step(bars).rows
        opened.store.commit(Commit(rows, {}, len(bars)))
        known = np.stack([getattr(bars, name) for name in OHLCV], axis=1)
        revised = dataclasses.replace(rows, bars=dataclasses.replace(bars, volume=revised_volume(bars)), known=known)
        opened.store.commit(Commit(revised, {}, len(bars)))
        stored = opened.store.rows("S00")
        assert (stored.bars.volume != stored.as_known().bars.volume).mean() > 0.9
    made = json.loads(call("train", "--symbols", "all", "--data-dir", directory, "--json"))
    assert made["version"] == fit([bars]).version


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["evaluate"], "training a direction model needs LightGBM: pip install 'tapeline[train]'"),
        (["train", "--trials", "1"], "the parameter search needs Optuna: pip install 'tapeline[research]'"),
    ],
)
def test_a_missing_library_is_named_before_bars_are_read(tmp_path, monkeypatch, arguments, line):
    monkeypatch.setitem(sys.modules, "optuna" if "Optuna" in line else "lightgbm", None)
    assert call(*arguments, tmp_path / "not-there.csv", fails=1) == line  # a file that is read would be missing first


def test_ranges_are_learnt_without_lightgbm_and_from_few_bars(file, tmp_path, monkeypatch):
    few = tmp_path / "few.csv"
    few.write_text("\n".join(file.read_text().splitlines()[:600]))
    needs = "training a direction model needs "
    assert needs + "500, from at least 817 bars: give" in call("train", few, "--name", "few", fails=1)
    assert (tmp_path / "tapeline-data" / "models" / "few" / "current-range.json").exists()
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    asked = Mock(wraps=training_commands.history)
    monkeypatch.setattr(training_commands, "history", asked)
    assert call("train", few, fails=1) == needs + "LightGBM: pip install 'tapeline[train]'"
    assert asked.call_count == 1, "the file is read once"
    assert (tmp_path / "tapeline-data" / "models" / "default" / "current-range.json").exists()
