"""Run the Dockerfile's install and every command of the image in a fresh virtual environment: `make try-image`.

For machines without a Docker engine. Runs what the Dockerfile says where it can: the same pip command on the same
files, the same environment variables, and the commands with the cache of kernels read-only. What only an engine can
show (base image, layers, the system's packages) is not seen here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tests.aws.local.account import Account
from tests.aws.local.resources import made_by_boto3
from tests.aws.local.runtime import Function
from tests.conftest import MINUTE, START, random_bars
from tests.event_source import records
from tests.fakes.aws_account import event

ROOT = Path(__file__).parents[2]
LATER = START + 20 * MINUTE

Say = Callable[[str], None]


def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text()


def environment() -> dict[str, str]:
    """Return the ENV lines of the final stage that name no folder."""
    final = dockerfile().rpartition("\nFROM ")[2]
    found = dict(re.findall(r"(?:ENV|   ) (\w+)=(\S+)", final))
    return {name: value.strip('"') for name, value in found.items() if not value.startswith("/")}


def installed(venv: Path) -> None:
    """Do the build stage's install: its COPY and its pip line."""
    (line,) = re.findall(r"pip install (.*?) \\\n", dockerfile())
    copied = re.findall(r"^COPY (?!--)(.+) (\S+)$", dockerfile(), re.MULTILINE)
    with tempfile.TemporaryDirectory() as folder:
        for sources, target in copied:
            for source in sources.split():
                where = Path(folder) / (target if (ROOT / source).is_dir() else source)
                copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
                copy(ROOT / source, where)
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        arguments = line.replace("'", "").split()
        subprocess.run([venv / "bin" / "pip", "install", "-q", *arguments], cwd=folder, check=True)


def main() -> int:
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {text}", flush=True)

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        venv, cache, home = folder / "venv", folder / "numba", folder / "home"
        home.mkdir()
        installed(venv)
        say("installed as the Dockerfile does")
        own = {"PATH": f"{venv}/bin:/usr/bin:/bin", "NUMBA_CACHE_DIR": str(cache), "TAPELINE_DATA_DIR": str(home)}
        variables = environment() | own | {"HOME": str(home)}
        warm = "from tapeline.app import config, wiring; wiring.warm_up(config.load())"
        assert warm in dockerfile()
        subprocess.run([venv / "bin" / "python", "-c", warm], env=variables, check=True)
        for path in [cache, *cache.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        start = [*_confined(), "/bin/sh", str(ROOT / "deploy" / "start.sh")]
        say(f"kernels are cached, read-only: {sum(1 for _ in cache.rglob('*.nbc'))} files")

        done = _run([*start, "tapeline", "--version"], variables)
        say(done.stdout.strip())
        done = _run([*start, "tapeline", "collector"], variables, fails=True)
        assert "TAPELINE_SYMBOLS" in done.stdout, done.stdout
        say("tapeline collector: says that there are no symbols")
        done = _run([*start, "tapeline", "dashboard", "--help"], variables)
        say("tapeline dashboard: is there")
        _train(start, variables, home, say)
        _serve(start, variables, home, say)
        _handler(start, variables, say)
        _open_up(cache)
    print("every command of the image works")
    return 0


def _confined() -> list[str]:
    """Root may write what is read-only, unless it gives that up."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        return []
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


def _open_up(cache: Path) -> None:
    for path in [cache, *cache.rglob("*")]:
        path.chmod(0o755)


def _run(command: Sequence[str], variables: dict[str, str], *, fails: bool = False) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, cwd="/")
    assert (done.returncode != 0) == fails, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def _train(start: list[str], variables: dict[str, str], home: Path, say: Say) -> None:
    root = home / "ml"
    channel = root / "input" / "data" / "history"
    channel.mkdir(parents=True)
    (root / "model").mkdir()
    bars = random_bars(3, 1500, seed=1)
    lines = ["symbol,timestamp,open,high,low,close,volume"]
    lines += [f"{b.symbol},{b.timestamp},{b.open},{b.high},{b.low},{b.close},{b.volume}" for b in bars]
    (channel / "bars.csv").write_text("\n".join(lines) + "\n")
    _run([*start, "train", "--root", str(root)], variables)
    assert (root / "model" / "model.txt").stat().st_size
    say("train: wrote a model")


def _serve(start: list[str], variables: dict[str, str], home: Path, say: Say) -> None:
    server = subprocess.Popen(
        [*start, "serve", "--root", str(home / "ml"), "--host", "127.0.0.1", "--port", "18081"], env=variables
    )
    try:
        for _ in range(300):
            try:
                with urllib.request.urlopen("http://127.0.0.1:18081/ping", timeout=2) as answer:
                    assert answer.status == 200
                    break
            except OSError:
                assert server.poll() is None, "serve ended"
                time.sleep(0.1)
        else:
            raise AssertionError("serve does not answer")
    finally:
        server.terminate()
        assert server.wait(30) == 0
    say("serve: answers, and ends on SIGTERM")


def _handler(start: list[str], variables: dict[str, str], say: Say) -> None:
    account = Account().start()
    names = made_by_boto3(account)
    function = Function(
        variables
        | account.environment("processor")
        | {
            "TAPELINE_AWS__BUCKET": names.bucket,
            "TAPELINE_AWS__ROWS_TABLE": names.rows_table,
            "TAPELINE_AWS__STATE_TABLE": names.state_table,
        },
        command=[*start, "python", "-m", "awslambdaric"],
    )
    try:
        before = time.monotonic()
        assert function(event(records(list(random_bars(5, 20))))) == {"batchItemFailures": []}
        seconds = time.monotonic() - before
        rows = account.client("dynamodb").scan(TableName=names.rows_table, Select="COUNT")["Count"]
        assert rows == 100, rows
        again = time.monotonic()
        more = [replace(record, place=f"1{record.place}") for record in records(list(random_bars(5, 20, start=LATER)))]
        assert function(event(more)) == {"batchItemFailures": []}
        say(
            f"awslambdaric: a cold start {seconds:.1f} s, then {time.monotonic() - again:.1f} s a batch, moto's time in"
        )
    finally:
        function.close()
        account.stop()


if __name__ == "__main__":
    sys.exit(main())
