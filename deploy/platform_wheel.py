"""Put compiled kernels into a wheel, so that a first start need not compile.

`python deploy/platform_wheel.py WHEEL OUT`, run with a Python that has the libraries the wheel needs, in the versions
that `constraints.txt` pins. The code is used with these versions of Python, Numba and llvmlite; with others it is
compiled at the first start, as without it. What is written to OUT is a wheel for this Python and this kind of machine,
beside which the plain one stays for all others. The kernels are compiled for no processor in particular: all of the
architecture can run them.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import platform
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

#: Every entry has this time, which is the earliest that a zip file knows: it says nothing about when it was built.
_TIME = (1980, 1, 1, 0, 0, 0)

#: What the oldest system has that the pinned wheels of Numba and llvmlite are for.
_SYSTEMS = {"Linux": "manylinux_2_28", "Darwin": "macosx_12_0"}

#: Lets every cache of this process keep what it compiles among the shipped files, and runs all indicators and the demo.
_COMPILE = """
from tapeline.core.kernel_cache import SHIPPED, KernelCache

def ship(self, signature, result):
    SHIPPED.mkdir(exist_ok=True)
    plain = result._replace(type_annotation="")  # a text for people, with paths and addresses of this process
    self.shipped().save(self.shipped_key(signature, result.codegen), self._impl.reduce(plain))

KernelCache.save_overload = ship
from pathlib import Path
from tapeline.app import config, wiring
from tapeline.indicators import warm_up
from tapeline.indicators.listing import listing
from tapeline.web.candles import warm_up as warm_up_candles

warm_up([each.default for each in listing()])
wiring.warm_up(config.load())
warm_up_candles()
import sys
from tapeline.cli.main import app
app(["demo", "--exit", "--json", "--data-dir", "demo"], standalone_mode=False)
"""


def main() -> None:
    """Write the wheel for this platform."""
    plain, out = Path(sys.argv[1]), Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        package, work = Path(folder, "package"), Path(folder, "work")
        work.mkdir()
        with zipfile.ZipFile(plain) as wheel:
            wheel.extractall(package)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TAPELINE_")}
        environment |= {
            "NUMBA_CACHE_DIR": str(work), "NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "",
            "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0", "PYTHONPATH": str(package),
        }  # fmt: skip
        subprocess.run([sys.executable, "-P", "-c", _COMPILE], cwd=work, env=environment, check=True)
        written = _pack(package, plain, out)
    print(f"{written} ({written.stat().st_size / 1e6:.1f} MB)")


def _pack(package: Path, plain: Path, out: Path) -> Path:
    """Write what is in the folder as a wheel with the tag of this platform, and its list of contents anew."""
    name, version, *_ = plain.name.split("-")
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    # By the processor, not by sysconfig: a Python of macOS for both kinds of processor would name both.
    tag = f"{python}-none-{_SYSTEMS[platform.system()]}_{platform.machine()}"
    about = package / f"{name}-{version}.dist-info"
    head = (about / "WHEEL").read_text().splitlines()
    kept = [line for line in head if line and not line.startswith(("Tag:", "Root-Is-Purelib:"))]
    (about / "WHEEL").write_text("\n".join([*kept, "Root-Is-Purelib: false", f"Tag: {tag}"]) + "\n")
    files = [path for path in sorted(package.rglob("*")) if path.is_file() and path != about / "RECORD"]
    record = io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    out.mkdir(parents=True, exist_ok=True)
    written = out / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as wheel:
        for path in files:
            entry, data = path.relative_to(package).as_posix(), path.read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            rows.writerow([entry, f"sha256={digest}", len(data)])
            wheel.writestr(_entry(entry), data)
        rows.writerow([f"{about.name}/RECORD", "", ""])
        wheel.writestr(_entry(f"{about.name}/RECORD"), record.getvalue())
    return written


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    return entry


if __name__ == "__main__":
    main()
