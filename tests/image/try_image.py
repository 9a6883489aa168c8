"""Run the Dockerfile's install and every command of the image as AWS runs them: `make try-image`.

For machines without a Docker engine. Runs what the Dockerfile says where it can: the same pip command on the same
files, the same environment variables, folders with the same owners, and every command as uid 993, who owns nothing and
has no home, on a file system that is read-only but for `/tmp`, in the image's work directory. What only an engine can
show (base image, layers, the system's packages) is not seen here. `--dockerfile FILE` tries another one.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.aws.local.account import Account
from tests.aws.local.resources import Resources, made_by_boto3
from tests.aws.local.runtime import Function, FunctionError
from tests.conftest import MINUTE, START, random_bars
from tests.event_source import records
from tests.fakes.aws_account import event
from tests.image.confinement import OWN, Confinement, unavailable
from tests.image.layout import ROOT, Layout, laid_out

LATER = START + 20 * MINUTE

Say = Callable[[str], None]


def installed(layout: Layout) -> None:
    """Do the build stage's install: its COPY, and its lines of venv and pip."""
    build = layout.text.rpartition("\nFROM ")[0]
    (version,) = re.findall(r"^ARG VERSION=(\S+)$", build, re.MULTILINE)
    commands = re.findall(
        r"^(?:RUN| &&) ((?:python -m venv|\S+/pip (?:install|wheel|check)).*?)(?: \\)?$", build, re.MULTILINE
    )
    copied = re.findall(r"^COPY (?!--)(.+) (\S+)$", build, re.MULTILINE)
    environment = os.environ | {"SETUPTOOLS_SCM_PRETEND_VERSION": version, "PIP_QUIET": "1"}
    with tempfile.TemporaryDirectory() as folder:
        for sources, target in copied:
            for source in sources.split():
                is_folder = (ROOT / source).is_dir()
                where = Path(folder) / target / ("" if is_folder else Path(source).name)
                where.parent.mkdir(exist_ok=True)
                (shutil.copytree if is_folder else shutil.copy)(ROOT / source, where)
        for command in commands:
            own = re.sub("^python ", f"{shlex.quote(sys.executable)} ", command)
            subprocess.run(["sh", "-ec", own], cwd=folder, env=environment, check=True)


def cached(layout: Layout) -> int:
    """Compile the kernels as the build stage does, and return how many files were written."""
    warm = "from tapeline.app import config, wiring; wiring.warm_up(config.load())"
    assert warm in layout.text
    python = layout.install / "venv" / "bin" / "python"
    subprocess.run([python, "-c", warm], env=layout.environment, cwd=layout.install, check=True)
    subprocess.run(["chmod", "-R", "a+rX", layout.install], check=True)
    return sum(1 for _ in Path(layout.environment["NUMBA_CACHE_DIR"]).rglob("*.nbc"))


@dataclass(frozen=True)
class Image:
    """Run commands of the image, each under the entry point, as a foreign user unless said otherwise."""

    layout: Layout
    confinement: Confinement
    say: Say

    def command(self, *words: str, own: bool = False) -> list[str]:
        """Return the command; `own`: as ECS runs it, as the image's user with the data folder as a volume."""
        confinement = self.confinement
        if own:
            confinement = replace(confinement, user=OWN, writable=(self.layout.data,))
        started = [str(self.layout.start), *words]
        return started if unavailable() else confinement.command(*started)

    def run(self, *words: str, fails: bool = False, **settings: str) -> str:
        """Run to the end, and return what it wrote. Raises `AssertionError` when it does not end as it should."""
        done = subprocess.run(
            self.command(*words), env=self.layout.environment | settings, capture_output=True, text=True, check=False
        )
        assert (done.returncode != 0) == fails, f"{words}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    @contextmanager
    def running(self, *words: str, answers: str, own: bool = False, **settings: str) -> Any:
        """Start it, wait until this address answers with 200, and end it with SIGTERM, to which it answers with 0."""
        process = subprocess.Popen(
            self.command(*words, own=own),
            env=self.layout.environment | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            for _ in range(600):
                try:
                    with urllib.request.urlopen(answers, timeout=2) as answer:
                        assert answer.status == 200
                        break
                except OSError:
                    assert process.poll() is None, f"{words} ended:\n{process.stdout.read() if process.stdout else ''}"
                    time.sleep(0.1)
            else:
                raise AssertionError(f"{words} does not answer")
            yield
        finally:
            process.terminate()
            shown, _ = process.communicate(timeout=60)
            assert process.returncode in {0, 143}, f"{words}: exit code {process.returncode}\n{shown}"


def main() -> int:
    """Install, and run every command. Return 0 when all do what they should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dockerfile", type=Path, default=ROOT / "Dockerfile")
    dockerfile = parser.parse_args().dockerfile.read_text()
    started = time.monotonic()
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)  # a line per request says nothing here

    def say(text: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {text}", flush=True)

    if problem := unavailable():
        say(f"commands run as this user on a writable file system: {problem}")
    # Not below /tmp, which is the container's own.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as temporary:
        root = Path(temporary)
        root.chmod(0o755)
        layout = laid_out(dockerfile, root)
        say(f"work directory {layout.work_directory.removeprefix(temporary)}")
        installed(layout)
        say("installed as the Dockerfile does")
        say(f"kernels are compiled: {cached(layout)} files")
        image = Image(layout, Confinement(root, layout.work_directory), say)
        failed = 0
        account = Account().start()
        names = made_by_boto3(account)
        for name, check in (
            ("tapeline", _command),
            ("tapeline collector", lambda image: _collector(image, account, names)),
            ("tapeline dashboard", lambda image: _dashboard(image, account, names)),
            ("train", _train),
            ("serve", _serve),
            ("awslambdaric", lambda image: _handler(image, account, names)),
        ):
            try:
                check(image)
            except (AssertionError, FunctionError) as error:
                failed += 1
                say(f"FAILED  {name}: {_last_line(str(error))}")
        account.stop()
    print(f"{failed} commands of the image fail" if failed else "every command of the image works")
    return bool(failed)


def _last_line(text: str) -> str:
    return [line for line in text.splitlines() if line.strip()][-1][:300]


def _command(image: Image) -> None:
    image.say(image.run("tapeline", "--version").strip())
    if not unavailable():
        seen = image.run("sh", "-c", "id -u; touch /opt/x 2>/dev/null || echo read-only; echo ${HOME-no home}; pwd")
        uid, writes, home, _ = seen.splitlines()
        assert (uid, writes, home) == ("993", "read-only", "no home"), seen
        image.say("runs as uid 993 without a home, on a read-only file system")


def _collector(image: Image, account: Account, names: Resources) -> None:
    shown = image.run("tapeline", "collector", fails=True, TAPELINE_DATA_DIR="/tmp/data")
    assert "TAPELINE_SYMBOLS" in shown, shown
    settings = account.environment("collector") | {
        "TAPELINE_SYMBOLS": "TSLA",
        "TAPELINE_AWS__KINESIS_STREAM": names.stream,
        "TAPELINE_AWS__HEALTH_PORT": "18083",
        "TAPELINE_YAHOO__URL": "http://127.0.0.1:9",  # nobody answers there: the collector tries again
        "TAPELINE_YAHOO__STREAM_URL": "ws://127.0.0.1:9",
    }
    words, answers = ("tapeline", "collector"), "http://127.0.0.1:18083/health"
    with image.running(*words, answers=answers, TAPELINE_DATA_DIR="/tmp/data", **settings):
        pass
    with image.running(*words, answers=answers, own=True, **settings):
        pass
    image.say("tapeline collector: answers health checks as uid 993 and, with its volume, as 10001; ends on SIGTERM")


def _dashboard(image: Image, account: Account, names: Resources) -> None:
    settings = account.environment("dashboard") | {
        "TAPELINE_AWS__ROWS_TABLE": names.rows_table,
        "TAPELINE_AWS__STATE_TABLE": names.state_table,
        "TAPELINE_PAGE__PORT": "18082",
    }
    words, answers = ("tapeline", "dashboard"), "http://127.0.0.1:18082/"
    with image.running(*words, answers=answers, TAPELINE_DATA_DIR="/tmp/data", **settings):
        pass
    with image.running(*words, answers=answers, own=True, **settings):
        pass
    image.say("tapeline dashboard: serves the page as uid 993 and, with its volume, as 10001")


def _train(image: Image) -> None:
    root = image.layout.root / "tmp" / "ml"
    channel = root / "input" / "data" / "history"
    channel.mkdir(parents=True, exist_ok=True)
    bars = random_bars(3, 1500, seed=1)
    lines = ["symbol,timestamp,open,high,low,close,volume"]
    lines += [f"{b.symbol},{b.timestamp},{b.open},{b.high},{b.low},{b.close},{b.volume}" for b in bars]
    (channel / "bars.csv").write_text("\n".join(lines) + "\n")
    (root / "model").mkdir(exist_ok=True)
    if not unavailable():
        for folder in (root, root / "model"):
            os.chown(folder, 993, 990)
    image.run("train", "--root", _ml(image))
    assert (root / "model" / "model.txt").stat().st_size
    image.say("train: wrote a model")


def _ml(image: Image) -> str:
    return str(image.layout.root / "tmp" / "ml") if unavailable() else "/tmp/ml"


def _serve(image: Image) -> None:
    words = ("serve", "--root", _ml(image), "--host", "127.0.0.1", "--port", "18081")
    with image.running(*words, answers="http://127.0.0.1:18081/ping"):
        pass
    image.say("serve: answers, and ends on SIGTERM")


def _handler(image: Image, account: Account, names: Resources) -> None:
    log = image.layout.root / "function.log"
    function = Function(
        image.layout.environment
        | account.environment("processor")
        | {
            "TAPELINE_AWS__BUCKET": names.bucket,
            "TAPELINE_AWS__ROWS_TABLE": names.rows_table,
            "TAPELINE_AWS__STATE_TABLE": names.state_table,
        },
        command=image.command("python", "-m", "awslambdaric"),
        log=log,
    )

    def called(batch: Sequence[Any]) -> float:
        before = time.monotonic()
        try:
            assert function(event(batch)) == {"batchItemFailures": []}
        except FunctionError as error:
            raise AssertionError(f"{error}\n{_last_line(log.read_text() or str(error))}") from None
        return time.monotonic() - before

    try:
        cold = called(records(list(random_bars(5, 20))))
        rows = account.client("dynamodb").scan(TableName=names.rows_table, Select="COUNT")["Count"]
        assert rows == 100, rows
        more = [replace(record, place=f"1{record.place}") for record in records(list(random_bars(5, 20, start=LATER)))]
        image.say(f"awslambdaric: a cold start {cold:.1f} s, then {called(more):.1f} s a batch, moto's time in")
    finally:
        function.close()


if __name__ == "__main__":
    sys.exit(main())
