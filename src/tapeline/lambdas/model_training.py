"""Train a model as SageMaker's `train` does: hyperparameters and channels in, a model folder or a failure file out."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tapeline.backends.files.file_registry import save_model
from tapeline.core.market import Bars
from tapeline.errors import InputError, NotEnoughHistoryError, TapelineError
from tapeline.feeds.files import FileSource, ReadOptions
from tapeline.forecast.range_model import RangeModel
from tapeline.research.fitting import PARAMETERS
from tapeline.research.range_training import fit_range
from tapeline.research.training import fit

_LONGEST_FAILURE = 1024  # characters that SageMaker shows
_SUFFIXES = (".csv", ".csv.gz", ".parquet")


def train(root: Path) -> int:
    """Train, and return the exit code. Nothing is left in `model` unless the model is whole.

    On failure the reason is one line in `output/failure`, where SageMaker looks for it; a defect leaves its traceback
    in the log as well.
    """
    try:
        settings = _hyperparameters(root / "input" / "config" / "hyperparameters.json")
        zone = str(settings.pop("zone", "UTC"))
        files = _files(root / "input" / "data")
        source = FileSource(files, options=ReadOptions(zone=zone))
        for problem in source.problems:
            print(f"skipped: {problem}", file=sys.stderr)  # noqa: T201 - SageMaker's log is the container's output
        if len(source.problems) == len(files):
            raise InputError(f"none of the {len(files)} files can be read: {source.problems[0]}")
        model = fit(_bars(source), **settings)
        ranges = _fit_ranges(_bars(source), settings.get("until"))
        save_model(model, root / "model")
        if ranges is not None:
            save_model(ranges, root / "model")
    except TapelineError as error:
        return _failed(root, str(error))
    except Exception as error:  # noqa: BLE001 - SageMaker's contract: whatever happens, the failure file says it
        traceback.print_exc()
        return _failed(root, f"{type(error).__name__}: {error}")
    print(f"model_version={model.version};")  # noqa: T201
    if ranges is not None:
        print(f"range_model_version={ranges.version};")  # noqa: T201
    for name, value in model.metadata.metrics.items():
        print(f"held_back_{name}={value:.6g};")  # noqa: T201 - for SageMaker's metric definitions
    return 0


def _fit_ranges(bars: Iterator[Bars], until: int | None) -> RangeModel | None:
    """Return a range model of the same bars; None where they are too few, which is reported."""
    try:
        return fit_range(bars, until=until)
    except NotEnoughHistoryError as error:
        print(f"no ranges: {error}", file=sys.stderr)  # noqa: T201
        return None


def _failed(root: Path, reason: str) -> int:
    print(f"training failed: {reason}", file=sys.stderr)  # noqa: T201
    output = root / "output"
    try:
        output.mkdir(parents=True, exist_ok=True)
        (output / "failure").write_text(reason[:_LONGEST_FAILURE])
    except OSError as error:
        print(f"and {output}/failure cannot be written: {error}", file=sys.stderr)  # noqa: T201
    return 1


_KINDS: dict[str, Callable[[str], Any]] = {
    "horizon": int, "no_trade_band": float, "seed": int, "max_rows": int, "rounds": int, "until": int,
    "zone": str,
}  # fmt: skip


def _hyperparameters(path: Path) -> dict[str, Any]:
    """Return arguments of `fit` (and `zone`) from SageMaker's file, where every value is a string. Absent: none.

    Raises `InputError` for a file that is no JSON object, and for a value or name that `fit` does not take.
    """
    try:
        given = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(given, dict):
        raise InputError(f"{path}: not a JSON object")
    settings: dict[str, Any] = {}
    parameters: dict[str, Any] = {}
    for name, text in given.items():
        if name.startswith("sagemaker_"):
            continue  # SageMaker's SDK adds these for its own toolkit
        kind = _KINDS.get(name) or (type(PARAMETERS[name]) if name in PARAMETERS else None)
        if kind is None:
            known = ", ".join(sorted([*_KINDS, *PARAMETERS]))
            raise InputError(f"unknown hyperparameter {name!r}; known are {known}")
        try:
            value = kind(str(text).strip().strip('"'))
        except ValueError:
            raise InputError(f"hyperparameter {name} = {text!r} is not {kind.__name__}") from None
        (settings if name in _KINDS else parameters)[name] = value
    return settings | ({"parameters": parameters} if parameters else {})


def _files(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path.name.lower().endswith(_SUFFIXES))
    if not found:
        raise InputError(f"no file of bars ({', '.join(_SUFFIXES)}) in any channel under {folder}")
    return found


def _bars(source: FileSource) -> Iterator[Bars]:
    for delivery in source.deliveries(""):
        for reject in delivery.rejects:
            print(f"rejected: {reject.source} {reject.place}: {reject.reason}", file=sys.stderr)  # noqa: T201
        yield delivery.bars
