"""The command line as its users meet it: its output, its answers to mistakes, and its exit codes."""

from __future__ import annotations

import gzip
import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet
import pytest

from tests import forked_commands
from tests.conftest import random_bars

HEADER = "symbol,timestamp,open,high,low,close,volume"


def tapeline(*arguments: object, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    return forked_commands.run(*arguments, cwd=cwd, environment={"COLUMNS": "200", **env})


def write_csv(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return [
        f"{bar.symbol},{bar.timestamp},{bar.open},{bar.high},{bar.low},{bar.close},{bar.volume:.0f}"
        for bar in random_bars(2, 60)
    ]


@pytest.fixture(scope="module")
def data_directory(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> Path:
    """A data directory with two symbols of 60 bars, and some rejects."""
    folder = tmp_path_factory.mktemp("cli")
    bad = [
        "S00,1549999999000,1,2,nan,1,5",
        "S00,1549999999000,2,1,3,2,5",
        "S00,yesterday,1,1,1,1,1",
        "S00,4070908800000,1,1,1,1,1",
    ]
    done = tapeline("replay", write_csv(folder / "bars.csv", lines + bad), "--data-dir", folder / "data", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["bars_in"], summary["rows"], summary["rejected"]) == (120, 120, 4)
    assert {"seconds", "bars_per_second"} <= summary.keys()
    assert "no predictions" in done.stderr
    return folder / "data"


def test_show_prints_the_columns_of_the_stock_table(data_directory: Path, lines: list[str]) -> None:
    done = tapeline("show", "S01", "--last", 3, "--data-dir", data_directory, "--json")
    rows = json.loads(done.stdout)
    assert [row["timestamp"] for row in rows] == [int(line.split(",")[1]) for line in lines[1::2][-3:]]
    assert rows[-1]["stock_symbol"] == "S01"
    assert rows[-1]["price"] == float(lines[-1].split(",")[5])
    assert {"volume", "indicator"} <= rows[-1].keys()
    assert "sma_20" in rows[-1]["indicator"]
    assert "sma_200" not in rows[-1]["indicator"]
    assert "prediction" not in rows[-1]  # no model answered
    table = tapeline("show", "S01", "--data-dir", data_directory)
    assert table.stdout.count("\n") == 11


def test_rejects_are_listed_with_place_reason_and_text(data_directory: Path) -> None:
    found = json.loads(tapeline("rejects", "--data-dir", data_directory, "--json").stdout)
    assert [reject["place"].rsplit(" ", 1)[-1] for reject in found] == ["122", "123", "124", "125"]
    assert found[0]["raw"] == "S00,1549999999000,1,2,nan,1,5"
    assert "NaN" in found[0]["reason"]
    assert "high is below low" in found[1]["reason"]
    assert "yesterday" in found[2]["raw"]
    assert "future" in found[3]["reason"]


def test_an_unknown_symbol_is_reported_with_the_known_ones(data_directory: Path) -> None:
    done = tapeline("show", "TSLA", "--data-dir", data_directory)
    assert done.returncode == 1
    assert "S00, S01" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_run_of_the_same_replay_has_nothing_left_to_do(data_directory: Path) -> None:
    done = tapeline("replay", data_directory.parent / "bars.csv", "--data-dir", data_directory, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["bars_in"] == 0
    assert f"all bars of these files were played into {data_directory} before: use another --data-dir" in done.stderr


def test_wrong_usage_exits_with_2(tmp_path: Path) -> None:
    for words in ("replay", "nonsense", f"replay x.csv --speed -1 --data-dir {tmp_path}"):
        done = subprocess.run([sys.executable, "-m", "tapeline", *words.split()], capture_output=True, check=False)
        assert done.returncode == 2


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.csv", None, "missing.csv"),
        ("empty.csv", b"", "empty"),
        ("header.csv", HEADER.encode() + b"\n", "header.csv"),
        ("nocolumn.csv", b"symbol,timestamp,open,high,low,volume\nA,1,1,1,1,1\n", "close"),
        ("text.parquet", b"symbol,timestamp\n", "text.parquet"),
        ("cut.csv.gz", gzip.compress(b"x" * 1000, mtime=0)[:40], "cut.csv.gz"),
    ],
)
def test_a_bad_file_is_one_clear_line(name: str, content: bytes | None, said: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = tapeline("replay", tmp_path / name, "--data-dir", tmp_path / "data")
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_good_file_beside_a_bad_one_is_replayed_and_the_exit_code_is_1(tmp_path: Path, lines: list[str]) -> None:
    good = write_csv(tmp_path / "good.csv", lines)
    (tmp_path / "bad.parquet").write_text("no")
    done = tapeline("replay", good, tmp_path / "bad.parquet", "--data-dir", tmp_path / "data", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["rows"] == 120
    assert "bad.parquet" in done.stderr


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("TAPELINE_PAGE__PORT", "many", "port"),
        ("TAPELINE_INDICATORS", "sma_20,smaa_3", "smaa"),
        ("TAPELINE_HORIZON", "0", "horizon"),
    ],
)
def test_a_wrong_setting_is_named(variable: str, value: str, said: str, tmp_path: Path) -> None:
    done = tapeline("show", "A", "--data-dir", tmp_path, **{variable: value})
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_come_from_the_file_and_an_unknown_one_is_named(tmp_path: Path, lines: list[str]) -> None:
    (tmp_path / "tapeline.toml").write_text('data_dir = "here"\nindicators = ["sma_3"]\n')
    write_csv(tmp_path / "bars.csv", lines)
    assert tapeline("replay", "bars.csv", cwd=tmp_path).returncode == 0
    rows = json.loads(tapeline("show", "S00", "--json", cwd=tmp_path).stdout)
    assert rows[-1]["indicator"].keys() == {"sma_3"}
    (tmp_path / "tapeline.toml").write_text("datadir = 'x'\n")
    done = tapeline("show", "S00", cwd=tmp_path)
    assert done.returncode == 1
    assert "datadir" in done.stderr


def test_a_data_directory_that_cannot_be_used_is_reported(tmp_path: Path, lines: list[str]) -> None:
    file = write_csv(tmp_path / "bars.csv", lines)
    for folder in (file, Path("/proc/nothing")):
        done = tapeline("replay", file, "--data-dir", folder)
        assert done.returncode == 1
        assert "--data-dir" in done.stderr
        assert "Traceback" not in done.stderr


def test_doctor_lists_its_checks_and_what_to_do(data_directory: Path, tmp_path: Path) -> None:
    done = tapeline("doctor", "--data-dir", data_directory, "--json")
    findings = {finding["check"]: finding for finding in json.loads(done.stdout)}
    assert findings["data directory"]["found"].endswith("2 symbols")
    assert {"python", "lightgbm", "disk", "port", "settings"} <= findings.keys()
    (tmp_path / "tapeline.db").write_text("not a database" * 100)
    done = tapeline("doctor", "--data-dir", tmp_path)
    assert done.returncode == 1
    assert "not a tapeline database" in done.stdout


def test_a_port_in_use_is_reported(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = tapeline("demo", "--port", port, "--data-dir", tmp_path)
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr


def test_demo_runs_to_its_end_and_prints_a_summary(tmp_path: Path) -> None:
    done = tapeline("demo", "--exit", "--data-dir", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["rows"] == summary["bars_in"] > 30_000
    rows = json.loads(tapeline("show", "AAPL", "--data-dir", tmp_path, "--json").stdout)
    assert rows[-1]["prediction"] in {"UP", "DOWN", "HOLD"}
    assert len(rows[-1]["indicator"]) >= 14


def test_an_interrupted_demo_stops_cleanly_and_resumes(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "tapeline", "demo", "--port", "0", "--data-dir", str(tmp_path)]
    for stop in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen(program, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
            assert process.stderr is not None
            said = ""
            while not re.search(r"http://127\.0\.0\.1:\d+", said) and (line := process.stderr.readline()):
                said += line
            process.send_signal(stop)
            said += process.stderr.read()
            assert process.wait(60) == 0, said
        assert "http://127.0.0.1" in said
        assert "Traceback" not in said
    done = tapeline("demo", "--exit", "--data-dir", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(tapeline("show", "AAPL", "--last", 5000, "--data-dir", tmp_path, "--json").stdout)) > 1900


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_indicators_of_a_file_are_written_beside_its_bars(tmp_path: Path, lines: list[str], ending: str) -> None:
    file, out = write_csv(tmp_path / "bars.csv", lines), tmp_path / f"out.{ending}"
    done = tapeline("indicators", file, "--set", "sma_20,rsi_14", "--out", out)
    assert done.returncode == 0, done.stderr
    table = pyarrow.parquet.read_table(out) if ending == "parquet" else pyarrow.csv.read_csv(out)
    assert table.column_names[-2:] == ["sma_20", "rsi_14"]
    own = table.filter(pyarrow.compute.equal(table.column("symbol"), "S01"))
    assert own.column("sma_20").null_count == 19
    close = own.column("close").to_numpy()
    assert own.column("sma_20")[-1].as_py() == pytest.approx(np.mean(close[-20:]), rel=1e-12)


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path, lines: list[str]) -> None:
    file, out = write_csv(tmp_path / "bars.csv", lines), tmp_path / "notes.csv"
    out.write_text("mine")
    done = tapeline("indicators", file, "--out", out)
    assert (done.returncode, out.read_text()) == (1, "mine")
    assert done.stderr == f"tapeline: {out}: is there already; name another, or delete it\n"


def test_indicators_are_listed_and_the_nearest_name_is_suggested(tmp_path: Path, lines: list[str]) -> None:
    listed = json.loads(tapeline("indicators", "--list", "--json").stdout)
    assert len(listed) > 50
    assert {"name", "formula", "source", "warm_up"} <= listed[0].keys()
    done = tapeline("indicators", write_csv(tmp_path / "bars.csv", lines), "--set", "sam_20")
    assert done.returncode == 1
    assert "sma" in done.stderr
    newest = json.loads(tapeline("indicators", tmp_path / "bars.csv", "--set", "sma_3", "--json").stdout)
    assert [row["symbol"] for row in newest] == ["S00", "S01"]
    assert newest[0]["indicator"].keys() == {"sma_3"}
