"""The first requests come from several threads at once, and so do the imports of what they need."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import sys, threading, time
from tapeline.errors import DecodeError, UnreachableError
from tapeline.feeds.yahoo import YFinanceTransport
from tapeline.feeds.yahoo.stream_frames import quote

class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "yfinance":
            time.sleep(0.3)  # the disk is busy: every thread has begun before the package is found

sys.meta_path.insert(0, Slow())
troubles = []

def tried(work):
    try:
        work()
    except (UnreachableError, DecodeError):
        pass
    except BaseException as error:
        troubles.append(error)

transport = YFinanceTransport("http://127.0.0.1:9")
works = [lambda: transport.get("TSLA", {}), lambda: quote("CgRUU0xB"), lambda: transport.get("AAPL", {})]
threads = [threading.Thread(target=tried, args=(work,)) for work in works]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(troubles)
"""


def test_threads_that_start_together_all_import_the_whole_of_yfinance() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("[]\n", "")
