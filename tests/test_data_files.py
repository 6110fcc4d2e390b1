"""Every shipped data file has an origin and is the file its SOURCE.toml describes."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bkgen.constants import Constants, data_path, read_toml

FOLDERS = sorted(path for path in data_path().iterdir() if path.is_dir() and path.name != "__pycache__")
REQUIRED = {"table", "units", "licence", "sha256", "note"}


def sources(folder: Path) -> dict[str, dict[str, Any]]:
    return tomllib.loads((folder / "SOURCE.toml").read_text(encoding="utf-8"))


def test_there_are_data_folders_and_no_loose_files() -> None:
    assert FOLDERS
    assert all(path.is_dir() for path in data_path().iterdir())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_sources_list_exactly_the_files(folder: Path) -> None:
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert set(sources(folder)) == files - {"SOURCE.toml"}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_sources_describe_the_files(folder: Path) -> None:
    for name, source in sources(folder).items():
        assert set(source) >= REQUIRED, name
        assert set(source) & {"doi", "arxiv", "url"}, f"{name} names no publication or address"
        assert all(isinstance(value, str) and value for value in source.values()), name
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == source["sha256"], name


def test_normalisation_of_detector_and_constants_agree() -> None:
    detector = read_toml(data_path("belle2_efficiency", "detector.toml"))["normalisation"]
    c = Constants.named("default")
    assert (c.f_pm, c.f_00) == (detector["f_pm"], detector["f_00"])
    assert c.N_BB_per_fb == pytest.approx(detector["N_BB"] / detector["luminosity"], rel=1e-15)
