"""The notebooks of the documentation run, draw their figures and find the numbers of the tutorials."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pages
import pytest

FOLDER = pages.ROOT / "docs" / "notebooks"
NUMBERS = {
    "theorist": ("spectra['$m_S$ = 0.5 GeV'].rate() / Gamma_B", 3.77484e-5, 2e-5),  # bkgen rates, in its tutorial
    "analyst": ("counted.sum()", 502.596, 1e-2),  # bkgen spectrum with five times as many events, in the README
    "fitter": ("result.mu", 0.996363, 2e-4),  # bkgen fit, in the other tutorials
}
"""By notebook: an expression at its end, its value elsewhere in the documentation, relative tolerance."""


def notebook(name: str) -> Any:
    """A notebook as it is in the repository."""
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def test_every_notebook_is_run() -> None:
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(NUMBERS)


@pytest.mark.parametrize("name", NUMBERS)
def test_stored_without_outputs(name: str) -> None:
    cells = [cell for cell in notebook(name).cells if cell.cell_type == "code"]
    assert cells
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)


@pytest.mark.parametrize("name", NUMBERS)
def test_notebook(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cell that fails is an error here; every `plt.show()` gives a picture; the number is that of the text pages."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    expression, expected, tolerance = NUMBERS[name]
    nb = notebook(name)
    nb.cells.append(nbformat.v4.new_code_cell(f"print({expression})"))
    nbclient.NotebookClient(nb, timeout=300, resources={"metadata": {"path": str(FOLDER)}}).execute()
    cells = [cell for cell in nb.cells if cell.cell_type == "code"]
    for cell in cells:
        pictures = [output for output in cell.outputs if "image/png" in output.get("data", {})]
        assert len(pictures) == cell.source.count("plt.show()")
        assert not [output for output in cell.outputs if output.get("name") == "stderr"]
    assert sum(cell.source.count("plt.show()") for cell in cells) >= 1
    assert json.loads(cells[-1].outputs[0].text) == pytest.approx(expected, rel=tolerance)
