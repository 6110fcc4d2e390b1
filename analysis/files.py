"""Output files that appear when they are complete, and are not replaced by accident."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from bkgen.errors import InputError, naming


def refuse_existing(*paths: Path, force: bool) -> None:
    """Raises InputError for files that exist, unless they may be replaced, and for folders in their place."""
    problems = [f"{path}: is a folder, give the name of a file" for path in paths if path.is_dir()]
    hint = "use --force to replace it, or another name with -o"
    problems += [f"{path}: exists; {hint}" for path in paths if path.is_file() and not force]
    if problems:
        raise InputError(problems)


@contextmanager
def complete(path: Path, ending: str = ".part") -> Iterator[Path]:
    """A file to write in place of `path`, which it becomes at the end; nothing is left behind otherwise.

    Folders are made.  Raises OSError with the name of the file.
    """
    part = path.with_name(path.name + ending)
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a file that becomes `path` when it is complete."""
    with complete(path) as part, part.open("wb") as file:
        write(file)
