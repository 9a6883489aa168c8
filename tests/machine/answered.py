"""Ask every query of the dashboard and the rules of a real Prometheus beside a running demo.

`python -m tests.machine.answered` starts `tapeline demo` and the `prometheus` on PATH, which reads the demo's /metrics
each second with the rules of `deploy/machine`, and after half a minute prints how many series answer each query. An
alert's rule answers with none while nothing is wrong, so it counts as answered when what it compares is there. Ends
with code 1 when a query fails or is empty.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

from tests.machine.queries import QUERIES, selectors
from tests.machine.running import FOLDER

_PORT = 19_090

_CONFIGURATION = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - {{job_name: tapeline, metrics_path: /metrics, static_configs: [{{targets: ["{target}"]}}]}}
"""


def main() -> None:
    """Print a table of the answers."""
    program = shutil.which("prometheus") or sys.exit("no prometheus on PATH")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tapeline", "demo", "--port", "0", "--data-dir", f"{folder}/data"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as demo:
            assert demo.stderr is not None
            target = next(found[1] for line in demo.stderr if (found := re.search(r"http://(\S+:\d+)/", line)))
            configuration = Path(folder, "prometheus.yml")
            rules = FOLDER / "prometheus" / "rules.yml"
            configuration.write_text(_CONFIGURATION.format(rules=rules, target=target))
            prometheus = subprocess.Popen(
                [
                    program,
                    f"--config.file={configuration}", f"--storage.tsdb.path={folder}/metrics",
                    f"--web.listen-address=127.0.0.1:{_PORT}", "--log.level=error",
                ]
            )  # fmt: skip
            try:
                time.sleep(30)
                empty = [name for name, query in QUERIES.items() if not answered(name, query)]
            finally:
                prometheus.terminate()
                prometheus.wait()
                demo.kill()
    print(f"{len(QUERIES) - len(empty)} of {len(QUERIES)} queries answered; empty: {', '.join(empty) or 'none'}")
    sys.exit(bool(empty))


def answered(name: str, query: str) -> bool:
    """Ask the query, or of an alert's rule whether all that it compares is there, and print what came."""
    query = query.replace("$__rate_interval", "10s")
    found = asked(query)
    there = found if name.startswith("panel") else min(asked(each) for each in selectors(query))
    print(f"{name:<48} {found:>3} series" + ("" if name.startswith("panel") else f", {there} compared"))
    return there > 0


def asked(query: str) -> int:
    """Return how many series answer a query."""
    address = f"http://127.0.0.1:{_PORT}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(address, timeout=10) as answer:
        return len(json.load(answer)["data"]["result"])


if __name__ == "__main__":
    main()
