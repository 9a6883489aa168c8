"""Keep models on this machine's disk: the files of a registry, and a model by itself in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tapeline.backends.files.file_errors import translating_file_errors
from tapeline.errors import ModelError
from tapeline.forecast.features import DEFAULT_FEATURES, FeatureSet
from tapeline.forecast.model import METADATA, TEXT, LightGBMModel
from tapeline.forecast.range_model import RangeModel
from tapeline.runtime.atomic_files import write_atomically
from tapeline.runtime.private_files import PRIVATE, make_private_folder


class LocalFolder:
    """Implement `Folder` on this machine's disk. Every method raises `StorageError`."""

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)

    def read(self, key: str) -> bytes:
        """Return the content. Raises `FileNotFoundError` when there is none."""
        path = self._path / key
        with translating_file_errors(path):
            return path.read_bytes()

    def write(self, key: str, content: bytes) -> None:
        """Write the file whole or not at all, for its owner alone."""
        path = self._path / key
        with translating_file_errors(path):
            make_private_folder(path.parent)
            write_atomically(path, content, PRIVATE)

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with `prefix`, without the hidden files that a write was cut short in."""
        for path in self._path.rglob("*"):
            key = path.relative_to(self._path).as_posix()
            if key.startswith(prefix) and path.is_file() and not path.name.startswith("."):
                yield key


def save_model(model: LightGBMModel | RangeModel, folder: Path | str) -> None:
    """Write the model's files into `folder`, each one whole or not at all. Raises `StorageError`.

    Everybody may read them: a container that serves the model runs as somebody else.
    """
    for name, content in model.dump().items():
        path = Path(folder) / name
        with translating_file_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content)


def load_model(folder: Path | str, features: FeatureSet = DEFAULT_FEATURES) -> LightGBMModel:
    """Return the model saved in `folder`. Raises `ModelError` when files are missing, damaged or for other features."""
    folder = Path(folder)
    try:
        return LightGBMModel.restore({name: (folder / name).read_bytes() for name in (TEXT, METADATA)}, features)
    except OSError as error:
        raise ModelError(f"no model in {folder}: {error.strerror}") from None
    except ModelError as error:
        raise ModelError(f"{folder}: {error}") from None
