"""What commands say of files of bars, and which they refuse with exit code 1."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tapeline.cli.main import app
from tapeline.errors import TapelineError

LAYOUTS = Path(__file__).parents[2] / "data" / "layouts"


def call(*arguments: object, fails: int = 0) -> str:
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    if isinstance(result.exception, TapelineError):
        assert fails == 1, result.exception
        return str(result.exception)
    assert result.exit_code == fails, (result.output, result.exception)
    return result.stdout


def inspected(name: str, *options: str, fails: int = 0) -> tuple[dict[str, dict[str, str]], str]:
    [found] = json.loads(call("inspect", LAYOUTS / name, "--json", *options, fails=fails))
    return {fact["what"]: fact for fact in found["findings"]}, found["problem"]


def test_inspect_says_what_a_file_is_taken_for_and_what_would_change_that() -> None:
    facts, problem = inspected("11_DUPB.csv")
    assert problem == ""
    found = {what: fact["found"] for what, fact in facts.items()}
    assert found.items() >= {
        "layout": "Yahoo (web)", "symbols": "DUPB", "interval": "1d", "calendar": "XNYS", "first bar": "2024-03-06",
        "last bar": "2024-03-08", "rows good": "3", "rows refused": "1", "bars missing": "0",
    }.items()  # fmt: skip
    assert facts["rows refused"]["why"] == "their bar comes again; the last one is used (1)"
    assert facts["symbols"]["why"] == "assumed: the file's name"
    assert facts["calendar"]["change"] == "--calendar"
    assert inspected("11_DUPB.csv", "--symbol", "VOD.L")[0]["calendar"]["found"] == "XLON"


def test_inspect_counts_missing_bars_by_the_calendar(tmp_path: Path) -> None:
    path = tmp_path / "A.csv"
    path.write_text(
        "date,open,high,low,close\n" + "".join(f"2024-03-{d},1,2,0.5,1.5\n" for d in ("07", "08", "11", "13"))
    )
    [found] = json.loads(call("inspect", path, "--json"))
    facts = {fact["what"]: fact for fact in found["findings"]}
    assert facts["bars missing"]["found"] == "1"
    assert "bars off session" not in facts
    with path.open("a") as file:
        file.write("2024-03-16,1,2,0.5,1.5\n2024-03-29,1,2,0.5,1.5\n")  # a Saturday, and Good Friday
    [found] = json.loads(call("inspect", path, "--json"))
    [closed] = [fact for fact in found["findings"] if fact["what"] == "bars off session"]
    assert (closed["found"], closed["why"]) == ("2", "on days without a session of XNYS (2024-03-16, 2024-03-29)")


def test_a_file_that_lacks_only_its_symbol_is_described(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("date,open,high,low,close\n2024-03-07,1,2,0.5,1.5\n2024-03-08,1,2,0.5,\n")
    [found] = json.loads(call("inspect", path, "--json", fails=1))
    facts = {fact["what"]: fact for fact in found["findings"]}
    assert (facts["rows good"]["found"], facts["rows refused"]["why"]) == ("1", "close is empty (1)")
    assert facts["open question"]["change"] == "--symbol NAME"
    assert "symbols" not in facts


def test_an_open_question_ends_every_command_with_the_option_to_give() -> None:
    facts, problem = inspected("17_DD.csv", fails=1)
    assert facts["open question"]["change"] == "--date-format %d/%m/%Y or --date-format %m/%d/%Y"
    for command in (["indicators"], ["train"], ["evaluate"]):
        assert call(*command, LAYOUTS / "17_DD.csv", fails=1) == problem
    row = json.loads(call("indicators", LAYOUTS / "17_DD.csv", "--date-format", "%d/%m/%Y", "--set", "sma_2", "--json"))
    assert row[0]["indicator"] == {"sma_2": pytest.approx(102.0)}


@pytest.mark.parametrize(
    ("name", "specs", "expected"),
    [
        ("CL=F.csv", "sma_2", {"sma_2": 11.895}),
        ("15_NOVOL.csv", "sma_2,obv", {"sma_2": 1.0855}),
        ("03_all_stocks_2yr.csv", "sma_2", {"sma_2": 12.05}),
    ],
)
def test_indicators_of_files_have_the_right_values(name: str, specs: str, expected: dict[str, Any]) -> None:
    rows = json.loads(call("indicators", LAYOUTS / name, "--set", specs, "--json"))
    assert rows[0]["indicator"] == pytest.approx(expected)


def test_pairs_of_coins_have_the_same_sessions_however_they_are_written() -> None:
    rows = json.loads(call("indicators", LAYOUTS / "crypto_1d.csv", "--set", "pivots", "--json"))
    assert rows[0]["indicator"] == rows[1]["indicator"] != {}


def test_a_file_of_mostly_refused_rows_needs_a_word(tmp_path: Path) -> None:
    path = tmp_path / "A.csv"
    path.write_text("date,open,high,low,close\n2024-03-04,1,2,0.5,1.5\nx,1,2,0.5,1.5\ny,1,2,0.5,1.5\n")
    assert "2 of its 3 rows are refused (the first, row 3: timestamp 'x'" in call("indicators", path, fails=1)
    assert json.loads(call("indicators", path, "--accept-rejects", "--set", "sma_2", "--json"))[0]["close"] == 1.5


def test_inspect_counts_every_refused_row_whatever_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "A.csv"
    good = "".join(f"2024-03-{day:02},1,2,0.5,1.5\n" for day in (4, 5, 6, 7, 8, 11, 12, 13))
    bad = "x\n,1,2,0.5,1.5\n2024-03-14,,2,0.5,1.5\n2024-03-14,1,,0.5,1.5\n2024-03-14,1,2,,1.5\n2024-03-14,1,2,0.5,\n"
    path.write_text("date,open,high,low,close\n" + good + bad)
    assert "close is empty (1)" in call("inspect", path)
    assert "; others" not in call("inspect", path), "a sixth reason takes no more than saying that there is one"
    path.write_text("date,open,high,low,close\n" + good + bad + "2024-03-14,1,2,0.5,-1\n")
    [found] = json.loads(call("inspect", path, "--json"))
    [refused] = [fact for fact in found["findings"] if fact["what"] == "rows refused"]
    assert refused["found"] == "7"
    assert refused["why"].endswith("; others (2)")


def test_indicators_written_to_a_file_are_counted(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    said = json.loads(call("indicators", LAYOUTS / "11_DUPB.csv", "--set", "sma_2", "--out", out, "--json"))
    assert said == {"out": str(out), "symbols": 1, "rows": 3}
    assert "2024-03-08 00:00:00" in call("indicators", LAYOUTS / "11_DUPB.csv", "--set", "sma_2")


def test_bars_of_another_length_are_a_series_of_their_own(tmp_path: Path) -> None:
    def shown(*options: str, fails: int = 0) -> Any:
        said = call("show", "ABC", "--data-dir", tmp_path, "--json", *options, fails=fails)
        return said if fails else [(row["stock_symbol"], row["price"]) for row in json.loads(said)[-1:]]

    for name in ("09_abc_1d.csv", "09_abc_1m.csv"):
        summary = json.loads(call("replay", LAYOUTS / name, "--data-dir", tmp_path, "--json"))
        assert (summary["corrected"], summary["rejected"]) == (0, 0)
    assert shown("--interval", "1d") == shown("--interval", "1d", "--as-known") != shown() == shown("--interval", "1m")
    assert "no 5m bars of ABC are stored; there is 1m and 1d" in shown("--interval", "5m", fails=1)
    daily, minutes = tmp_path / "d.csv", tmp_path / "m.csv"
    for out, options in ((daily, ["--interval", "1d"]), (minutes, [])):
        call("export", "--out", out, "--indicators", "sma_2", *options, "--data-dir", tmp_path, "--json")
    for name, path in (("09_abc_1d.csv", daily), ("09_abc_1m.csv", minutes)):
        before, after = (list(csv.DictReader(file.read_text().splitlines())) for file in (LAYOUTS / name, path))
        assert [float(row["close"]) for row in after] == [float(row["close"]) for row in before]
        assert {row["symbol"] for row in after} == {"ABC"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--columns", "worth=Price"], "MEANING is one of"),
        (["--interval", "7x"], "is none of 1m"),
        (["--stamp", "middle"], "is none of start, end"),
        (["--layout", "excel"], "is none of tapeline"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["inspect", str(LAYOUTS / "SAP.csv"), *options])
    assert result.exit_code == 2
    assert said in " ".join(result.output.replace("│", " ").split())


def test_a_jump_that_looks_like_a_split_is_named_and_scaled_on_request(tmp_path: Path) -> None:
    path, splits = tmp_path / "A.csv", tmp_path / "splits.csv"
    rows = [("05", 400, 10), ("06", 100, 40), ("07", 101, 41)]
    path.write_text(
        "date,open,high,low,close,volume\n" + "".join(f"2024-03-{d},{p},{p},{p},{p},{v}\n" for d, p, v in rows)
    )
    splits.write_text("date,split\n2024-03-06,4:1\n")

    def jump(*options: object) -> dict[str, str] | None:
        [found] = json.loads(call("inspect", path, "--json", *options))
        return next((fact for fact in found["findings"] if fact["what"] == "price jump"), None)

    def newest(*options: object) -> float:
        [found] = json.loads(call("indicators", path, "--set", "sma_3", "--json", *options))
        return float(found["indicator"]["sma_3"])

    named = "A goes from 400 to 100 on 2024-03-06, as an unadjusted 4-for-1 split does"
    found = jump()
    assert found is not None
    assert (found["found"], found["why"], found["change"]) == (named, "", "--adjust")
    detected = jump("--adjust", "detected")
    assert detected is not None
    assert (detected["found"], detected["why"]) == (named, "prices before it are scaled")
    assert jump("--adjust", splits) is None
    assert newest() == pytest.approx((400 + 100 + 101) / 3)
    assert newest("--adjust", "detected") == newest("--adjust", splits) == pytest.approx((100 + 100 + 101) / 3)
    assert "--adjust takes column, detected or a file" in call("indicators", path, "--adjust", "detect", fails=1)
