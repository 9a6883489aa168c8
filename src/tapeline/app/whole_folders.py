"""Make folders that appear under their name when they are complete, in the place of what was there if need be.

A folder is renamed as a whole where it can be. A mount point cannot, nor a folder in one that is read-only or somebody
else's: there its contents are exchanged one by one, and put back when that fails.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tapeline.backends.files.file_errors import translating_file_errors
from tapeline.errors import StorageError
from tapeline.runtime.file_owners import give_folder_to_owner_of
from tapeline.runtime.private_files import make_private_folder

#: Where the image's start keeps compiled kernels in a data directory: machine code of one version and processor.
KERNELS_FOLDER = ".numba"

#: What is no content of a folder: kernels, and what ext4 has at its root. It stays where it is.
_NO_CONTENT = frozenset({KERNELS_FOLDER, "lost+found"})

#: The end of names of files by which processes lock a folder, which would let others in if they were moved.
_LOCK = ".lock"


def holds_something(folder: Path) -> bool:
    """Return whether there is anything at `folder`: any content, or a file."""
    with translating_file_errors(folder):
        return folder.exists() and (
            not folder.is_dir() or any(path.name not in _NO_CONTENT for path in folder.iterdir())
        )


class FolderPlace:
    """Hold where a folder is or will be. `folder` is what links lead to, and the links stay as they are."""

    def __init__(self, path: Path) -> None:
        self.folder = path.resolve()
        with translating_file_errors(self.folder):
            self._stays = self.folder.is_dir() and not _can_be_renamed(self.folder)

    def aside(self, name: str) -> Path:
        """Return where what is in the folder can be moved: beside it, or in it where it cannot be renamed."""
        return self.folder / name if self._stays else self.folder.with_name(f"{self.folder.name}.{name}")

    @contextlib.contextmanager
    def made(self, replaced: Path | None = None) -> Iterator[Path]:
        """Give a folder that becomes this one when the block ends, and is deleted when it fails.

        What is here is then moved to `replaced`, which is of `aside`; without that there must be nothing. What root
        makes belongs to the owner of what was here. Raises `StorageError`; then all is as it was.
        """
        folder, parent = self.folder, self.folder.parent
        if replaced is None and holds_something(folder):
            raise StorageError(f"{folder}: is not empty; name another folder")
        with translating_file_errors(folder):
            make_private_folder(parent)
            within = folder if self._stays else parent
            part = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", suffix=".part", dir=within))
            give_folder_to_owner_of(folder if folder.exists() else parent, part)
        try:
            yield part
            with translating_file_errors(folder):
                _force(part)
                if self._stays:
                    _exchange(folder, part, replaced)
                    _sync(folder)
                else:
                    if replaced is not None:
                        folder.replace(replaced)
                    elif folder.exists():
                        folder.rmdir()
                    part.replace(folder)
                    _sync(parent)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise


def _can_be_renamed(folder: Path) -> bool:
    """Return whether the system would rename this folder, without doing so.

    It is asked to put it in the place of one with something in it, which it never does: it says what stands in the way.
    """
    if any((folder / name).exists() for name in _NO_CONTENT):
        return False
    try:
        other = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", suffix=".part", dir=folder.parent))
    except OSError:
        return False
    try:
        (other / "something").touch()
        folder.rename(other)
    except OSError as error:
        return error.errno in {errno.ENOTEMPTY, errno.EEXIST}
    finally:
        shutil.rmtree(other, ignore_errors=True)
    return False


def _exchange(folder: Path, part: Path, replaced: Path | None) -> None:
    """Move what is in the folder to `replaced` and what is in `part` to the folder; on a failure, all of it back."""
    moved: list[tuple[Path, Path]] = []

    def move(paths: list[Path], target: Path) -> None:
        for path in paths:
            path.replace(target / path.name)
            moved.append((path, target / path.name))

    try:
        if replaced is not None:
            make_private_folder(replaced)
            kept = {part.name, replaced.name, *_NO_CONTENT}
            old = sorted(path for path in folder.iterdir() if path.name not in kept and path.suffix != _LOCK)
            move(old, replaced)
        move(sorted(part.iterdir()), folder)
        part.rmdir()
    except BaseException:
        for before, after in reversed(moved):
            with contextlib.suppress(OSError):
                after.replace(before)
        if replaced is not None:
            with contextlib.suppress(OSError):
                replaced.rmdir()
        raise


def _force(folder: Path) -> None:
    for path in [*(path for path in folder.rglob("*") if not path.is_symlink()), folder]:
        _sync(path)


def _sync(path: Path) -> None:
    """Force a file, or the names in a folder, to the disk. Windows opens no folder, and syncs what it may write."""
    is_folder = path.is_dir()
    if is_folder and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
