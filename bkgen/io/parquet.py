"""Output format `parquet`: the columns of the ROOT file, one row group for each chunk, metadata as a JSON string."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MissingExtra
from ..generator import EventBatch
from .writer import FileWriter

try:
    import pyarrow
    import pyarrow.parquet
except ImportError as error:
    raise MissingExtra("formats", "pyarrow") from error

METADATA = "metadata"
COMPRESSION_LEVEL = 1  # as in ROOT files: a higher level costs time and saves nothing


class ParquetWriter(FileWriter):
    """A flat table; a row group holds one chunk.  Without dictionaries: hardly any number occurs twice."""

    _file: Any = None
    _table: Any = None

    def __init__(self, path: Path, branches: Mapping[str, np.dtype[Any]], compression: str = "zstd") -> None:
        super().__init__(path)
        self._compression = compression
        self._branches = branches

    def _open(self, part: Path) -> None:
        self._file = part.open("wb")
        branches = self._branches
        self._schema = pyarrow.schema([(name, pyarrow.from_numpy_dtype(dtype)) for name, dtype in branches.items()])
        few_values = [name for name, dtype in branches.items() if dtype.kind == "i" or name == "weight"]
        self._table = pyarrow.parquet.ParquetWriter(
            self._file,
            self._schema,
            compression=self._compression,
            compression_level=COMPRESSION_LEVEL if self._compression == "zstd" else None,
            use_dictionary=few_values,
            write_statistics=True,
        )

    def write(self, batch: EventBatch) -> None:
        """Append a chunk."""
        arrays = [pyarrow.array(values) for values in batch.columns.values()]
        self._table.write_table(pyarrow.table(arrays, schema=self._schema), row_group_size=len(batch))

    def _complete(self, metadata: dict[str, Any]) -> None:
        self._table.add_key_value_metadata({METADATA: json.dumps(metadata)})
        self._close()

    def _close(self) -> None:
        try:
            if self._table is not None:
                self._table.close()
        finally:
            if self._file is not None:
                self._file.close()


def metadata_of(path: Path) -> tuple[dict[str, Any], list[str], int]:
    """(metadata, column names, events) of a file of this writer; raises whatever pyarrow raises for another one."""
    with pyarrow.parquet.ParquetFile(path) as file:
        about = file.metadata
        return json.loads(about.metadata[METADATA.encode()]), list(file.schema_arrow.names), int(about.num_rows)


def parts(path: Path, names: Sequence[str], step: int) -> Iterator[dict[str, NDArray[Any]]]:
    """The named columns (n,) of such a file, at most `step` events at a time."""
    with pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(step, columns=list(names)):
            yield {name: _numpy(batch.column(name)) for name in names}


def columns(path: Path) -> dict[str, NDArray[Any]]:
    """All columns (n,) of such a file."""
    table = pyarrow.parquet.read_table(path)
    return {name: _numpy(table[name]) for name in table.column_names}


def _numpy(values: Any) -> NDArray[Any]:
    return np.asarray(values)
