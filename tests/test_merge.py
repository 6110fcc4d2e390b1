"""Samples made in pieces: `run --chunks`, merged files, and files that must not be merged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot
from bkgen_analysis import event_templates, plots, report

from bkgen import api
from bkgen.card import Card, card_from_dict
from bkgen.errors import InputError
from bkgen.generator import CHUNK
from bkgen.io.metadata import missing_chunks

EVENTS = 3 * CHUNK + 1000
SM: dict[str, Any] = {"schema": 1, "model": {"name": "sm"}, "channel": "B+ -> K+"}


def card_to(path: Path, events: int = EVENTS, seed: int = 3, **settings: Any) -> Card:
    output = {"path": str(path), "columns": "slim", "dtype": "float32", **settings.pop("output", {})}
    return card_from_dict({**SM, **settings, "generate": {"events": events, "seed": seed}, "output": output})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole sample of four chunks, and the same in three pieces; another seed, another luminosity, one chunk."""
    folder = tmp_path_factory.mktemp("pieces")
    api.run(card_to(folder / "whole.root"), workers=2)
    for first, last in ((0, 1), (1, 3), (3, 4)):
        api.run(card_to(folder / f"{first}-{last}.root"), workers=2, chunks=(first, last))
    api.run(card_to(folder / "seed.root", seed=4), chunks=(1, 3))
    api.run(card_to(folder / "luminosity.root", luminosity=500.0), chunks=(1, 3))
    api.run(card_to(folder / "overlap.root"), chunks=(2, None))
    return folder


def pieces(folder: Path) -> list[Path]:
    return [folder / f"{first}-{last}.root" for first, last in ((0, 1), (1, 3), (3, 4))]


def refused(output: Path, *files: Path) -> list[str]:
    """The problems of a merge, one line each; it leaves nothing."""
    before = sorted(output.parent.iterdir())
    with pytest.raises(InputError) as caught:
        api.merge(output, list(files))
    assert sorted(output.parent.iterdir()) == before
    return str(caught.value).splitlines()


def test_merged_pieces_are_the_whole_run(folder: Path, tmp_path: Path) -> None:
    """Every branch bit for bit, the digest, and the metadata but for time, host and path; in any order of the files."""
    whole = api.open(folder / "whole.root")
    result = api.merge(tmp_path / "merged.root", pieces(folder)[::-1], workers=2)
    merged = api.open(tmp_path / "merged.root")
    assert list(merged.columns) == list(whole.columns)
    for name, values in whole.columns.items():
        assert merged.columns[name].dtype == values.dtype
        assert np.array_equal(merged.columns[name], values), name
    assert result.content_sha256 == whole.metadata["content_sha256"]
    assert (result.events, result.warnings) == (EVENTS, [])
    for metadata in (merged.metadata, whole.metadata):
        metadata.pop("written")
        metadata["card"]["output"].pop("path")
    assert merged.metadata == whole.metadata
    assert [item.name for item in tmp_path.iterdir()] == ["merged.root"]


def test_a_piece_says_what_it_holds(folder: Path) -> None:
    """The weight is that of the whole sample, so the sum of the weights is the share of the piece."""
    piece, whole = api.open(folder / "1-3.root"), api.open(folder / "whole.root")
    assert piece.metadata["chunk_range"] == [1, 3]
    assert piece.metadata["chunks"] == whole.metadata["chunks"][1:3]
    assert piece.metadata["events"] == EVENTS
    assert len(piece) == 2 * CHUNK
    assert np.array_equal(piece.columns["q2"], whole.columns["q2"][CHUNK : 3 * CHUNK])
    assert np.array_equal(piece.columns["weight"], whole.columns["weight"][: 2 * CHUNK])
    assert "1:3 of 4" in missing_chunks(piece.metadata)
    assert missing_chunks(whole.metadata) == ""


def test_part_of_a_sample_can_be_merged_if_it_is_contiguous(folder: Path, tmp_path: Path) -> None:
    result = api.merge(tmp_path / "tail.root", pieces(folder)[1:])
    assert result.warnings == [
        f"{tmp_path / 'tail.root'}: holds the chunks 1:4 of 4 only; merge it with the others: bkgen merge OUT FILES"
    ]
    again = api.merge(tmp_path / "all.root", [tmp_path / "tail.root", pieces(folder)[0]])
    assert again.content_sha256 == api.open(folder / "whole.root").metadata["content_sha256"]


def test_commands_that_need_the_whole_sample_refuse_a_piece(folder: Path) -> None:
    for read in (plots.spectra, report.subject, event_templates.point_of_file):
        with pytest.raises(InputError, match=r"1-3\.root: holds the chunks 1:3 of 4 only; merge it"):
            read(folder / "1-3.root")


def test_gaps_and_duplicates_are_refused(folder: Path, tmp_path: Path) -> None:
    first, second, third = pieces(folder)
    assert refused(tmp_path / "a.root", first, third) == [
        f"{third}: begins with chunk 3, the chunks 1:3 after {first} are missing"
    ]
    assert refused(tmp_path / "a.root", first, second, folder / "overlap.root") == [
        f"{folder / 'overlap.root'}: the chunks 2:3 are also in {second}"
    ]
    assert refused(tmp_path / "a.root", first, first) == [f"{first}: the chunks 0:1 are also in {first}"]


def test_other_seeds_and_cards_are_refused_all_at_once(folder: Path, tmp_path: Path) -> None:
    first, _, third = pieces(folder)
    problems = refused(tmp_path / "a.root", first, folder / "seed.root", folder / "luminosity.root", third)
    assert problems[:2] == [
        f"{folder / 'seed.root'}: generate.seed is 4, it is 3 in {first}",
        f"{folder / 'luminosity.root'}: luminosity is 500.0, it is 362.0 in {first}",
    ]
    assert len(problems) == 3  # and the chunks that two files hold


def _with_metadata(source: Path, target: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy with other metadata."""
    with uproot.open(source) as file:
        columns, metadata = file["events"].arrays(library="np"), json.loads(str(file["metadata"]))
    change(metadata)
    with uproot.recreate(target) as copy:
        copy.mktree("events", {name: values.dtype for name, values in columns.items()}).extend(columns)
        copy["metadata"] = json.dumps(metadata)
    return target


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"bkgen": "0.0.1"}, "bkgen is 0.0.1, it is "),
        ({"data_sha256": "abc"}, "data_sha256 is abc, it is "),
        ({"inputs_sha256": "abc"}, "inputs_sha256 differs from "),
        ({"rate": 1.0}, "rate is 1.0, it is "),
        ({"reweighted": {}}, "is reweighted; merge the original files, then reweight"),
        ({"chunks": []}, "its metadata are not those of an event file of this version (chunk_range)"),
        ({"chunk_range": [0, 2], "chunks": ["00" * 32] * 2}, "is truncated, it holds 131072 of 262144 events"),
        ({"chunks": ["00" * 32]}, "chunk 0 is damaged, its content does not have the digest in the metadata"),
        ({"chunk_range": None}, "its metadata are not those of an event file of this version"),
    ],
)
def test_files_that_do_not_fit_are_refused(change: dict[str, Any], problem: str, folder: Path, tmp_path: Path) -> None:
    odd = _with_metadata(folder / "0-1.root", tmp_path / "odd.root", lambda metadata: metadata.update(change))
    (line,) = refused(tmp_path / "a.root", folder / "1-3.root", odd)
    assert line.startswith(f"{odd}: {problem}")


def test_foreign_truncated_and_missing_files_are_refused(folder: Path, tmp_path: Path) -> None:
    first, second, third = pieces(folder)
    text, cut = tmp_path / "text.root", tmp_path / "cut.root"
    text.write_text("hello")
    cut.write_bytes(second.read_bytes()[:-100_000])
    problems = refused(tmp_path / "a.root", first, text, cut, third, tmp_path / "none.root")
    named = {line.split(": ")[0] for line in problems}
    assert {str(text), str(cut), str(tmp_path / "none.root")} <= named
    assert all("not an event file of bkgen" in line for line in problems if line.startswith((str(text), str(cut))))


def test_a_damaged_value_is_found(folder: Path, tmp_path: Path) -> None:
    """A byte in the middle of the file that differs: the digest of its chunk tells."""
    damaged = tmp_path / "damaged.root"
    content = bytearray((folder / "1-3.root").read_bytes())
    content[len(content) // 3] ^= 1
    damaged.write_bytes(content)
    (line,) = refused(tmp_path / "a.root", folder / "0-1.root", damaged)
    assert line.startswith(f"{damaged}: ")


def test_output_is_not_replaced_without_force_and_is_no_input(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "a.root"
    output.write_text("precious")
    assert refused(output, *pieces(folder)) == [f"{output}: exists; use --force to replace it, or another name"]
    assert output.read_text() == "precious"
    api.merge(output, pieces(folder), force=True)
    shutil.copy(folder / "0-1.root", tmp_path / "0.root")
    with pytest.raises(InputError, match="is one of the files to be merged"):
        api.merge(tmp_path / "0.root", [tmp_path / "0.root"], force=True)
    assert refused(tmp_path / "a.txt", *pieces(folder)) == [f"{tmp_path / 'a.txt'}: must end in .root"]
    assert refused(tmp_path / "b.root") == ["no files to merge"]


@pytest.mark.parametrize("chunks", [(0, 5), (2, 2), (3, 1), (4, None)])
def test_chunks_that_the_sample_does_not_have(chunks: tuple[int, int | None], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--chunks = .*: must be A:B with 0 <= A < B <= 4, the number of chunks"):
        api.run(card_to(tmp_path / "a.root"), chunks=chunks)
    assert not list(tmp_path.iterdir())
