"""Event files as JSROOT reads them, which shares no code with the writer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsroot_reader import read

from bkgen import api
from bkgen.generator import CHUNK

DARK_HIGGS = Path(__file__).parent.parent / "cards" / "dark_higgs.yaml"


@pytest.mark.jsroot
@pytest.mark.parametrize("codec", ["lz4", "zstd"])
@pytest.mark.parametrize(("format", "first"), [("root", 0), ("root", CHUNK - 300), ("rntuple", 0)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_values(format: str, first: int, codec: str, dtype: str, tmp_path: Path) -> None:
    """Every value, bit for bit, also across the end of a chunk, in plain and in compressed branches.

    JSROOT 7.11 sees the first cluster of an RNTuple only.
    """
    output: dict[str, Any] = {"path": str(tmp_path / "a.root"), "format": format, "compression": codec, "dtype": dtype}
    values = api.load_card(DARK_HIGGS).resolved()
    values["output"] |= output
    api.run(api.load_card(values).override(events=CHUNK + 500))
    whole = api.open(tmp_path / "a.root")
    columns, metadata = read(tmp_path / "a.root", first, 600)
    assert metadata == whole.metadata
    assert columns == {name: column[first : first + 600].tolist() for name, column in whole.columns.items()}
