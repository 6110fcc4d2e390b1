"""Event files: what other programs see in them, what they say about themselves, and files that are none."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot

import bkgen
from bkgen import api
from bkgen.card import Card, card_from_dict
from bkgen.channels import CHANNELS
from bkgen.constants import data_path
from bkgen.errors import InputError
from bkgen.generator import CHUNK, EventBatch
from bkgen.io.metadata import content_sha256, data_sha256
from bkgen.jobs import sample_of

ALP: dict[str, Any] = {
    "schema": 1,
    "model": {"name": "alp", "m_a": 2.0, "f_a": 1e8, "C_G_UV": 8.0, "C_chi": 5.0, "m_chi": 0.5},
    "channel": "B+ -> K+",
}
ZP: dict[str, Any] = {
    **ALP,
    "model": {
        "name": "dark_higgs",
        "m_H1": 2.0,
        "sin_theta": 4e-3,
        "Zp": {"m_Zp": 0.0115, "g_X": 1e-4, "Q_Phi": 3},
    },
}
SM: dict[str, Any] = {**ALP, "model": {"name": "sm"}}
KSTAR: dict[str, Any] = {**ALP, "model": {"name": "kst_toy"}, "channel": "B0 -> K*0"}
PHI: dict[str, Any] = {**KSTAR, "channel": "Bs -> phi", "beam": "rest"}
CARDS = {"alp": ALP, "dark_higgs": ZP, "sm": SM, "K*": KSTAR, "phi": PHI}

SCALARS = ["q2", "q2_rec", "cos_theta", "weight", "efficiency", "p_invisible"]
INTEGERS = ["accepted", "mode", "eta_bin"]
VERTEX = ["X_decay_x", "X_decay_y", "X_decay_z", "X_decay_t"]


def fours(*names: str) -> list[str]:
    return [f"{name}_{component}" for name in names for component in ("px", "py", "pz", "E")]


def write(folder: Path, data: dict[str, Any], events: int = 50, **output: Any) -> tuple[Path, Card]:
    """The file of a card, and the card."""
    path = folder / "events.root"
    card = card_from_dict({**data, "generate": {"events": events, "seed": 5}, "output": {"path": str(path), **output}})
    api.run(card, workers=2, force=True)
    return path, card


@pytest.fixture(scope="module")
def two_chunks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Card]:
    """A displaced ALP: one full chunk and a short one, all branches."""
    return write(tmp_path_factory.mktemp("two chunks"), ALP, CHUNK + 1000)


# --- what other programs see


READER = """
import json, sys, uproot
with uproot.open(sys.argv[1]) as file:
    tree = file["events"]
    baskets = {b.name: [b.basket(i).uncompressed_bytes for i in range(b.num_baskets)] for b in tree.branches}
    print(json.dumps({
        "classes": file.classnames(cycle=False),
        "compression": [type(file.file.compression).__name__, file.file.compression.level],
        "entries": tree.num_entries,
        "types": tree.typenames(),
        "baskets": baskets,
        "codecs": sorted({block[0] for b in tree.branches for block in b.basket(0).block_compression_info or ()}),
        "sums": {name: float(values.sum()) for name, values in tree.arrays(library="np").items()},
        "metadata": json.loads(str(file["metadata"])),
    }))
"""


@pytest.fixture(scope="module")
def seen(two_chunks: tuple[Path, Card]) -> Any:
    """The file as a fresh process sees it that knows nothing but uproot."""
    command = [sys.executable, "-W", "error", "-c", READER, str(two_chunks[0])]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    assert not answer.stderr
    return json.loads(answer.stdout)


def test_file_is_a_plain_tree_with_a_string(seen: Any) -> None:
    """A TTree, not an RNTuple, readable by every version of ROOT."""
    assert seen["classes"] == {"events": "TTree", "metadata": "TObjString"}
    assert seen["entries"] == CHUNK + 1000


def test_types_of_branches(seen: Any) -> None:
    types = dict(seen["types"])
    assert {name: types.pop(name) for name in INTEGERS} == {"accepted": "bool", "mode": "int16_t", "eta_bin": "int8_t"}
    assert set(types.values()) == {"double"}
    assert list(types) == [*SCALARS, *fours("B", "K", "X", "d1", "d2"), *VERTEX]


def test_compression_and_baskets(seen: Any) -> None:
    """LZ4 of a low level; one basket for each chunk, so that a full one holds at least 100 kB."""
    assert seen["compression"] == ["LZ4", 1]
    assert seen["codecs"] == ["LZ4"]
    for name, sizes in seen["baskets"].items():
        assert len(sizes) == 2, name
        assert sizes[0] >= 100_000, name


def test_values_survive_the_file(seen: Any, two_chunks: tuple[Path, Card]) -> None:
    columns = api.open(two_chunks[0]).columns
    assert seen["sums"] == {name: float(values.sum()) for name, values in columns.items()}
    assert seen["metadata"] == api.open(two_chunks[0]).metadata


def test_single_precision(tmp_path: Path) -> None:
    """dtype: float32 rounds the numbers of the same events; integers keep their type."""
    wide = api.open(write(tmp_path, ALP)[0]).columns
    narrow = api.open(write(tmp_path, ALP, dtype="float32")[0]).columns
    for name, values in wide.items():
        if name in INTEGERS:
            assert narrow[name].dtype == values.dtype
            assert np.array_equal(narrow[name], values)
        else:
            assert (values.dtype, narrow[name].dtype) == (np.dtype("f8"), np.dtype("f4"))
            assert np.array_equal(narrow[name], values.astype(np.float32))


def test_slim_columns(tmp_path: Path) -> None:
    """columns: slim leaves out four-momenta and vertices, nothing else."""
    full = api.open(write(tmp_path, KSTAR)[0]).columns
    slim = api.open(write(tmp_path, KSTAR, columns="slim")[0]).columns
    assert set(slim) == {*SCALARS, "cos_theta_K", "azimuth", *INTEGERS}
    assert all(np.array_equal(slim[name], full[name]) for name in slim)


@pytest.mark.parametrize(
    ("data", "extra"),
    [
        (SM, fours("B", "K", "X", "d1", "d2")),
        (ALP, [*fours("B", "K", "X", "d1", "d2"), *VERTEX]),
        (ZP, [*fours("B", "K", "X", "d1", "d2", "d11", "d12", "d21", "d22"), *VERTEX]),
        (KSTAR, ["cos_theta_K", "azimuth", *fours("B", "Kst", "X", "Kst_K", "Kst_pi", "d1", "d2")]),
        (PHI, ["cos_theta_K", "azimuth", *fours("B", "phi", "X", "phi_Kp", "phi_Km", "d1", "d2")]),
    ],
    ids=CARDS,
)
def test_branches_are_fixed_by_the_card(data: dict[str, Any], extra: list[str], tmp_path: Path) -> None:
    path, card = write(tmp_path, data)
    columns = api.open(path).columns
    assert set(columns) == {*SCALARS, *INTEGERS, *extra}
    assert list(columns) == list(sample_of(card).branches)
    assert {str(values.dtype) for name, values in columns.items() if name not in INTEGERS} == {"float64"}


def test_daughters_that_do_not_exist_are_zero(two_chunks: tuple[Path, Card]) -> None:
    """The hadronic mode of the ALP has no daughters: four zeros, and PDG code 0 in the table of modes."""
    events = api.open(two_chunks[0])
    pair, _, visible = events.metadata["modes"]
    absent = events.columns["mode"] == visible["index"]
    assert 0.0 < absent.mean() < 1.0
    for name in fours("d1", "d2"):
        assert not events.columns[name][absent].any()
        assert events.columns[name][~absent].any()
    assert set(visible["pdg"].values()) == {0}
    assert (pair["pdg"]["d1"], pair["pdg"]["d2"], pair["pdg"]["d11"]) == (52, -52, 0)


# --- what a file says about itself


def test_metadata_of_a_sample(two_chunks: tuple[Path, Card]) -> None:
    path, card = two_chunks
    metadata = api.open(path).metadata
    sample = sample_of(card)
    assert metadata["bkgen"] == bkgen.__version__
    assert metadata["card"] == card.resolved()
    assert card_from_dict(metadata["card"]) == card
    assert (metadata["seed"], metadata["events"], metadata["chunk_size"]) == (5, CHUNK + 1000, CHUNK)
    assert metadata["rate"] == sample.spectrum.rate()
    assert metadata["branching_fraction"] == sample.branching_fraction
    assert metadata["br_invisible"] == pytest.approx(sample.modes[0].branching_fraction, rel=1e-15)
    assert metadata["n_expected"] == pytest.approx(metadata["weight"] * metadata["events"], rel=1e-15)
    assert metadata["warnings"] == []
    assert len(metadata["chunks"]) == 2
    assert metadata["branches"].keys() == api.open(path).columns.keys()
    assert metadata["branches"]["mode"] == "int16"
    assert metadata["units"]["momenta, masses, energies"] == "GeV"
    assert metadata["units"]["X_decay_x, y, z"] == "mm"
    assert "flat" in metadata["notes"]["cascade"]
    assert set(metadata["written"]) == {"time", "host"}


@pytest.mark.parametrize("data", CARDS.values(), ids=CARDS)
def test_particles_and_modes(data: dict[str, Any], tmp_path: Path) -> None:
    """PDG codes and masses of everything in the file; branching fractions of the modes sum to 1."""
    path, card = write(tmp_path, data)
    metadata = api.open(path).metadata
    decay, constants = card.decay, card.physics_inputs.constants
    particles = metadata["particles"]
    assert particles["B"] == {"pdg": decay.B_pdg, "mass": decay.m_B(constants)}
    assert particles[decay.prefix] == {"pdg": decay.hadron_pdg, "mass": decay.m_H(constants)}
    assert {name for name in particles if name not in ("B", "X", decay.prefix)} == {d.prefix for d in decay.daughters}
    assert particles["X"]["name"] == card.model.mediator
    assert sum(mode["branching_fraction"] for mode in metadata["modes"]) == pytest.approx(1.0, rel=1e-12)
    assert [mode["index"] for mode in metadata["modes"]] == list(range(len(metadata["modes"])))
    assert api.open(path).columns["mode"].max() < len(metadata["modes"])


def test_lifetime_in_the_metadata(tmp_path: Path) -> None:
    """c tau in metres, null for a stable X."""
    card = card_from_dict(ALP)
    widths = card.model.widths(card.physics_inputs)
    assert widths is not None
    assert api.open(write(tmp_path, ALP)[0]).metadata["particles"]["X"]["ctau_m"] == widths.ctau
    assert api.open(write(tmp_path, SM)[0]).metadata["particles"]["X"]["ctau_m"] is None


def test_expected_events_need_a_luminosity(tmp_path: Path) -> None:
    """Bs mesons have no normalisation here: the sum of the weights is the branching fraction."""
    events = api.open(write(tmp_path, PHI)[0])
    assert events.metadata["n_expected"] is None
    assert events.columns["weight"].sum() == pytest.approx(events.metadata["branching_fraction"], rel=1e-12, abs=0.0)


def test_digests_of_inputs(two_chunks: tuple[Path, Card]) -> None:
    """Constants and form factors can be rebuilt from the file and have the stored digest, and so have the tables."""
    path, card = two_chunks
    metadata = api.open(path).metadata
    assert metadata["inputs_sha256"] == card.physics_inputs.sha256
    text = json.dumps(metadata["inputs"], sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == metadata["inputs_sha256"]
    sha = hashlib.sha256()
    for item in sorted(item for item in data_path().rglob("*") if item.is_file()):
        sha.update(item.relative_to(data_path()).as_posix().encode() + item.read_bytes())
    assert metadata["data_sha256"] == data_sha256() == sha.hexdigest()


def recomputed(path: Path) -> str:
    """Digest of the content of a file, from its branches alone: chunk by chunk, little-endian values."""
    with uproot.open(path) as file:
        columns = file["events"].arrays(library="np")
    n = len(next(iter(columns.values())))
    digests = []
    for chunk, start in enumerate(range(0, n, CHUNK)):
        sha = hashlib.sha256(f"chunk {chunk}".encode())
        for name, values in columns.items():
            part = values[start : start + CHUNK]
            sha.update(name.encode())
            sha.update(part.astype(part.dtype.newbyteorder("<")).tobytes())
        digests.append(sha.digest())
    return hashlib.sha256(b"".join(digests)).hexdigest()


def test_content_digest_of_two_chunks(two_chunks: tuple[Path, Card]) -> None:
    metadata = api.open(two_chunks[0]).metadata
    assert recomputed(two_chunks[0]) == metadata["content_sha256"]
    assert content_sha256([bytes.fromhex(digest) for digest in metadata["chunks"]]) == metadata["content_sha256"]


@pytest.mark.parametrize("output", [{}, {"dtype": "float32"}, {"columns": "slim"}], ids=["all", "float32", "slim"])
@pytest.mark.parametrize("data", CARDS.values(), ids=CARDS)
def test_content_digest(data: dict[str, Any], output: dict[str, Any], tmp_path: Path) -> None:
    path, _ = write(tmp_path, data, **output)
    assert recomputed(path) == api.open(path).metadata["content_sha256"]


def test_metadata_is_the_same_twice(tmp_path: Path) -> None:
    """All but the entry `written`; the digest of another seed differs."""
    first, second = (api.open(write(tmp_path, ZP)[0]).metadata for _ in range(2))
    assert {**first, "written": None} == {**second, "written": None}
    path = tmp_path / "other.root"
    api.run(card_from_dict({**ZP, "generate": {"events": 50, "seed": 6}, "output": {"path": str(path)}}))
    assert api.open(path).metadata["content_sha256"] != first["content_sha256"]


def test_digest_sees_every_value() -> None:
    columns = {"q2": np.arange(5.0), "mode": np.arange(5, dtype=np.int16)}
    digest = EventBatch(columns).digest()
    assert EventBatch({**columns, "q2": np.nextafter(columns["q2"], 9.0)}).digest() != digest
    assert EventBatch(columns, chunk=1).digest() != digest
    assert EventBatch({"q2x": columns["q2"], "mode": columns["mode"]}).digest() != digest
    assert EventBatch({**columns, "q2": columns["q2"].astype(">f8")}).digest() == digest


@pytest.mark.parametrize("name", CHANNELS)
def test_every_channel_can_be_written(name: str, tmp_path: Path) -> None:
    spin_0 = CHANNELS[name].spin == 0
    data = {**SM, "channel": name, "model": {"name": "continuum" if spin_0 else "kst_toy"}}
    if CHANNELS[name].production is None:
        data["beam"] = "rest"
    assert len(api.open(write(tmp_path, data)[0])) == 50


# --- files that are no event files


def _truncated(content: bytes) -> Iterator[bytes]:
    yield from (content[: len(content) * k // 40] for k in range(1, 35))


def _overwritten(content: bytes) -> Iterator[bytes]:
    """A copy for each of many places with 64 random bytes."""
    rng = np.random.default_rng(3)
    for start in np.linspace(0, len(content) - 64, 150).astype(int):
        yield content[:start] + rng.bytes(64) + content[start + 64 :]


def outcome(path: Path) -> str:
    """The message about a file that is refused, empty if it is read."""
    try:
        api.open(path)
    except InputError as error:
        return str(error)
    return ""


def refused(path: Path) -> str:
    """The message about a file that is refused, one line that names the file."""
    with pytest.raises(InputError) as caught:
        api.open(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_missing_file(tmp_path: Path) -> None:
    assert refused(tmp_path / "a.root").endswith("a.root: no such file")
    assert refused(tmp_path).endswith("no such file")


@pytest.mark.parametrize("content", [b"", b"hello", b"root", b"root" + bytes(1000), b"PK\x03\x04" * 100])
def test_file_that_is_not_root(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.root"
    path.write_bytes(content)
    assert "not an event file of bkgen" in refused(path)


@pytest.mark.parametrize(
    "objects",
    [
        {},
        {"metadata": "{}"},
        {"events": "text", "metadata": "{}"},
        {"events": np.histogram(np.arange(5.0)), "metadata": "{}"},
        {"events": None},
        {"events": None, "metadata": "no json"},
        {"events": None, "metadata": np.histogram(np.arange(5.0))},
    ],
    ids=["empty", "no tree", "text", "histogram", "no metadata", "no json", "no text"],
)
def test_root_file_of_another_program(objects: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "a.root"
    with uproot.recreate(path) as file:
        for name, item in objects.items():
            if item is None:
                file.mktree(name, {"x": np.float64}).extend({"x": np.arange(3.0)})
            else:
                file[name] = item
    assert "not an event file of bkgen" in refused(path)


@pytest.mark.parametrize("damage", [_truncated, _overwritten], ids=["truncated", "overwritten"])
def test_damaged_file(damage: Callable[[bytes], Iterator[bytes]], tmp_path: Path) -> None:
    """A damaged copy is refused in one line, or read if the damage is somewhere else; nothing else can happen."""
    path, _ = write(tmp_path, SM, columns="slim")
    found = []
    for k, content in enumerate(damage(path.read_bytes())):
        broken = tmp_path / f"{k}.root"
        broken.write_bytes(content)
        found.append(outcome(broken))
    messages = [message for message in found if message]
    assert len(messages) > 10
    known = ("not an event file of bkgen", "is damaged, its content does not have the digest")
    assert all(any(text in message for text in known) and "\n" not in message for message in messages)


@pytest.mark.parametrize("name", ["a.root", "a.parquet"])
@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_compression(name: str, codec: str, tmp_path: Path) -> None:
    """The codec of the card is that of the file; the content is the same."""
    import pyarrow.parquet
    import uproot

    path = tmp_path / name
    base = {"schema": 1, "model": {"name": "sm"}, "channel": "B+ -> K+", "generate": {"events": 2000}}
    card = api.load_card({**base, "output": {"path": str(path), "compression": codec}})
    digest = api.run(card).content_sha256
    assert digest == api.run(api.load_card({**base, "output": {"path": str(path)}}), force=True).content_sha256
    api.run(card, force=True)
    if name == "a.root":
        with uproot.open(path) as file:
            assert file.file.fCompress // 100 == {"lz4": 4, "zstd": 5}[codec]
    else:
        used = pyarrow.parquet.ParquetFile(path).metadata.row_group(0).column(0).compression
        assert used.lower().startswith(codec)
