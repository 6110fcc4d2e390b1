"""Event files in any format that holds columns: `root` (TTree or RNTuple) and `parquet`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..errors import BkgenError, InputError
from ..generator import CHUNK, EventBatch
from .metadata import check_chunk, chunk_range, require_form

_READERS = {".hepmc": "pyhepmc.open", ".hepmc3": "pyhepmc.open", ".lhe": "pylhe.LHEFile.fromfile"}


def read(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """(columns by branch, metadata) of an event file; raises InputError for any other file, or a damaged chunk."""
    metadata, _ = read_metadata(path)
    try:
        columns: dict[str, NDArray[Any]] = _module(path).columns(path)
    except Exception as error:  # a damaged file can fail anywhere inside its library
        raise _refused(path, error) from None
    for position, number in enumerate(chunk_range(metadata)):
        part = slice(position * CHUNK, (position + 1) * CHUNK)
        check_chunk(path, EventBatch({name: values[part] for name, values in columns.items()}, number), metadata)
    return columns, metadata


def read_metadata(path: Path) -> tuple[dict[str, Any], list[str]]:
    """(metadata, names of the columns) of an event file; raises InputError for any other file."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    module = _module(path)
    try:
        metadata, names, entries = module.metadata_of(path)
    except Exception as error:  # a damaged file can fail anywhere inside its library
        raise _refused(path, error) from None
    require_form(metadata, path, names, entries)
    return metadata, names


def parts(path: Path, names: Sequence[str], step: int) -> Iterator[dict[str, NDArray[Any]]]:
    """The named columns (n,) of an event file, at most `step` events at a time; raises InputError as `read`."""
    module = _module(path)
    try:
        yield from module.parts(path, names, step)
    except Exception as error:  # a damaged file can fail anywhere inside its library
        raise _refused(path, error) from None


def _module(path: Path) -> Any:
    """The module that reads files of this ending; ROOT's for an ending that says nothing."""
    endings = path.suffixes[-2:] if path.suffix == ".gz" else [path.suffix]
    for ending in endings:
        if ending in _READERS:
            raise InputError(f"{path}: holds decay trees, not columns: read it with {_READERS[ending]}")
    return import_module(".parquet" if path.suffix == ".parquet" else ".root", __package__)


def _refused(path: Path, error: Exception) -> BkgenError:
    if isinstance(error, BkgenError):
        return error
    return InputError(f"{path}: not an event file of bkgen ({type(error).__name__})")
