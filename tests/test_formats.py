"""Output formats beside ROOT trees: columns as in the tree, decay trees that conserve what they must, no half files.

Parquet is read by fastparquet, Les Houches events by the C++ reader of HepMC3 and by xml.etree, HepMC3 by its C++
reader and, for the tree itself, line by line.  No second reader of RNTuple is on PyPI: its structure is looked at in a
fresh process.
"""

from __future__ import annotations

import gzip
import json
import math
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import fastparquet
import numpy as np
import pyhepmc
import pytest
from bkgen_analysis import commands, event_templates, report
from numpy.typing import NDArray
from particle import Particle as KnownParticle
from typer.testing import CliRunner

from bkgen import api, cli
from bkgen.card import Card, card_from_dict
from bkgen.channels import CHANNELS
from bkgen.errors import InputError
from bkgen.generator import CHUNK
from bkgen.io import FORMATS
from bkgen.io.decay_tree import UNNAMED, cross_section
from bkgen.jobs import sample_of
from bkgen.units import C

ROOT = Path(__file__).parent.parent
CASES: dict[str, dict[str, Any]] = {
    "pair, displaced": {
        "model": {"name": "alp", "m_a": 2.0, "f_a": 1e8, "C_G_UV": 8.0, "C_chi": 5.0, "m_chi": 0.5, "C_l": 0.3}
    },
    "cascade": {
        "model": {
            "name": "dark_higgs",
            "m_H1": 2.0,
            "sin_theta": 4e-3,
            "Zp": {"m_Zp": 0.0115, "g_X": 1e-4, "Q_Phi": 3},
        },
        "channel": "B0 -> K*0",
        "frame": "Y4S",
    },
    "continuum": {"model": {"name": "sm"}, "channel": "B+ -> K*+", "beam": "belle2-crossing"},
    "pole": {"model": {"name": "sm", "component": "long_distance"}},
    "stable": {"model": {"name": "light_z_prime", "m_Zp": 2.0, "g_V": 1e-8}, "channel": "B0 -> K0"},
    "B frame": {"model": {"name": "fermion_dm", "m_chi": 1.0, "gS": 1e-8}, "frame": "B"},
    "at rest": {
        "model": {"name": "massless_dark_photon", "Lambda": 1e8, "alpha_D": 0.1, "m_Q": 0.5, "N_Q": 1},
        "channel": "Bs -> phi",
        "beam": "rest",
    },
    "unnamed": {"model": {"name": "kst_toy"}, "channel": "B0 -> K*0"},
}
EVENTS = 60


def card(case: str, path: Path, events: int = EVENTS, **settings: Any) -> Card:
    """The card of a case that writes to that file."""
    data = {"schema": 1, "channel": "B+ -> K+", **CASES[case], "generate": {"events": events, "seed": 5}}
    return card_from_dict({**data, "output": {"path": str(path)}, **settings})


def columns_of(job: Card) -> dict[str, NDArray[Any]]:
    """The events of a card, without a file."""
    return api.generate(job, workers=1).numpy()


# --- tables


def run(job: Card) -> dict[str, Any]:
    """Write the file; the metadata of a table."""
    api.run(job, workers=1)
    path = Path(job.output.path)
    return {} if path.suffix not in (".root", ".parquet") else api.open(path).metadata


TABLES = {"rntuple": "x.root", "parquet": "x.parquet"}


@pytest.mark.parametrize("output", [{}, {"dtype": "float32"}, {"columns": "slim"}], ids=["all", "float32", "slim"])
@pytest.mark.parametrize("format", TABLES)
@pytest.mark.parametrize("case", ["pair, displaced", "cascade"])
def test_tables_hold_the_columns_of_the_tree(case: str, format: str, output: dict[str, Any], tmp_path: Path) -> None:
    """Values, types, order and metadata are those of a ROOT tree."""
    files = {name: tmp_path / f"{name}{Path(TABLES.get(name, 'x.root')).suffix}" for name in ("root", format)}
    for name, path in files.items():
        run(card(case, path, output={"path": str(path), "format": name, **output}))
    tree, table = (api.open(path) for path in files.values())
    assert list(table.columns) == list(tree.columns)
    for name, values in tree.columns.items():
        assert table.columns[name].dtype == values.dtype
        assert np.array_equal(table.columns[name], values)
    different = ("written", "card")
    assert {k: v for k, v in table.metadata.items() if k not in different} == {
        k: v for k, v in tree.metadata.items() if k not in different
    }
    assert table.metadata["card"]["output"]["format"] == format
    assert table.digest().hex() == table.metadata["chunks"][0]


def two_chunks(folder: Path, format: str) -> Path:
    """A chunk and a short one, without four-momenta."""
    path = folder / TABLES[format]
    output = {"path": str(path), "format": format, "columns": "slim"}
    run(card("continuum", path, CHUNK + 1000, output=output))
    return path


# fastparquet leaves the file open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_parquet_as_another_program_sees_it(tmp_path: Path) -> None:
    """A row group for each chunk, zstd, statistics; metadata under the key `metadata`."""
    path = two_chunks(tmp_path, "parquet")
    file = fastparquet.ParquetFile(str(path))
    assert [group.num_rows for group in file.row_groups] == [CHUNK, 1000]
    codecs = {column.meta_data.codec for group in file.row_groups for column in group.columns}
    assert codecs == {fastparquet.parquet_thrift.CompressionCodec.ZSTD}
    assert json.loads(file.key_value_metadata["metadata"]) == api.open(path).metadata
    frame, columns = file.to_pandas(), api.open(path).columns
    assert list(frame) == list(columns)
    for name, values in columns.items():
        assert frame[name].dtype == values.dtype
        assert np.array_equal(frame[name].to_numpy(), values)


READER = """
import json, sys, uproot
with uproot.open(sys.argv[1]) as file:
    events = file["events"]
    print(json.dumps({
        "classes": file.classnames(cycle=False),
        "types": events.typenames(),
        "clusters": [(c.num_first_entry, c.num_entries) for c in events.cluster_summaries],
        "codec": type(file.file.compression).__name__,
        "sums": {name: float(values.sum()) for name, values in events.arrays(library="np").items()},
        "events": json.loads(str(file["metadata"]))["events"],
    }))
"""


def test_rntuple_in_a_fresh_process(tmp_path: Path) -> None:
    """An RNTuple of plain fields with a cluster for each chunk, beside the metadata."""
    path = two_chunks(tmp_path, "rntuple")
    command = [sys.executable, "-W", "error", "-c", READER, str(path)]
    seen = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert seen["classes"] == {"events": "ROOT::RNTuple", "metadata": "TObjString"}
    assert seen["clusters"] == [[0, CHUNK], [CHUNK, 1000]]
    assert seen["codec"] == "LZ4"
    assert seen["events"] == CHUNK + 1000
    types = seen["types"]
    small = {name: types.pop(name) for name in ("accepted", "mode", "eta_bin")}
    assert small == {"accepted": "bool", "mode": "std::int16_t", "eta_bin": "std::int8_t"}
    assert set(types.values()) == {"double"}
    assert seen["sums"] == {name: float(values.sum()) for name, values in api.open(path).columns.items()}


@pytest.mark.parametrize("format", TABLES)
def test_analyses_read_tables(format: str, tmp_path: Path) -> None:
    """The template counted from a table is that of a tree."""
    points = []
    for name in ("root", format):
        path = tmp_path / f"{name}{Path(TABLES.get(name, 'x.root')).suffix}"
        run(card("pair, displaced", path, 2000, output={"path": str(path), "format": name}))
        points.append(event_templates.point_of_file(path)[1])
    assert np.array_equal(points[0].template, points[1].template)
    assert points[0].events == points[1].events == 2000


# --- decay trees


@dataclass(frozen=True)
class Line:
    """A particle of a record: mothers as rows, four-momentum (px, py, pz, E), production point (x, y, z, ct) [mm]."""

    pdg: int
    status: int
    mothers: tuple[int, ...]
    p: NDArray[np.float64]
    m: float
    point: NDArray[np.float64]
    lifetime: float = 0.0


@dataclass(frozen=True)
class Record:
    """An event of a record: its particles, weights and the columns it carries."""

    number: int
    lines: list[Line]
    weights: list[float]
    scalars: dict[str, float]
    cross_section: float | None


def text_of(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text(encoding="utf-8")


def hepmc_records(path: Path) -> Iterator[Record]:
    """By the C++ reader of HepMC3."""
    with pyhepmc.open(path) as file:
        for event in file:
            assert (event.momentum_unit, event.length_unit) == (pyhepmc.Units.GEV, pyhepmc.Units.MM)
            lines = []
            for particle in event.particles:
                vertex = particle.production_vertex
                mothers = tuple(sorted(mother.id - 1 for mother in particle.parents))
                p = particle.momentum
                position = vertex.position if vertex is not None and mothers else (0.0,) * 4
                lines.append(
                    Line(
                        particle.pid,
                        particle.status,
                        mothers,
                        np.array([p.px, p.py, p.pz, p.e]),
                        particle.generated_mass,
                        np.array([float(position[i]) for i in range(4)]),
                    )
                )
            known = {name: float(str(event.attributes[name].astype(str))) for name in event.attributes
                     if name != "GenCrossSection"}  # fmt: skip
            section = event.cross_section
            sigma = None if section is None else section.xsec()
            yield Record(event.event_number, lines, list(event.weights), known, sigma)


def lhe_records(path: Path) -> Iterator[Record]:
    """By xml.etree and a few lines: status codes are turned into those of HepMC."""
    status = {-1: 4, 1: 1, 2: 2}
    for number, element in enumerate(ElementTree.fromstring(text_of(path)).iter("event")):
        first, *rows = (element.text or "").strip().splitlines()
        lines, scalars = [], {}
        for row in rows:
            if row.startswith("#"):
                pairs = (item.split("=") for item in row[1:].split())
                scalars = {name: float({"True": "1", "False": "0"}.get(value, value)) for name, value in pairs}
                continue
            pdg, code, *mothers, colour, anticolour = (int(word) for word in row.split()[:6])
            px, py, pz, E, m, lifetime, spin = (float(word) for word in row.split()[6:])
            assert (colour, anticolour, spin) == (0, 0, 9.0)
            ids = tuple(sorted({mother - 1 for mother in mothers if mother}))
            lines.append(Line(pdg, status[code], ids, np.array([px, py, pz, E]), m, np.zeros(4), lifetime))
        n, process, weight, *undefined = (float(word) for word in first.split())
        assert (n, process, undefined) == (len(lines), 1.0, [-1.0, -1.0, -1.0])
        named = [float(weight.text or "") for weight in element.iter("wgt")]
        yield Record(number, lines, [weight, *named], scalars, None)


RECORDS: dict[str, tuple[str, Callable[[Path], Iterator[Record]]]] = {
    "hepmc3": ("x.hepmc", hepmc_records),
    "lhe": ("x.lhe", lhe_records),
}


def charge(pdg: int) -> float:
    """Electric charge; dark particles have none."""
    return 0.0 if 51 <= abs(pdg) <= 55 or pdg == UNNAMED else float(KnownParticle.from_pdgid(pdg).charge)


def check_conservation(lines: list[Line]) -> None:
    """Four-momentum and charge at every vertex, masses of all particles, status codes."""
    for mothers in {line.mothers for line in lines if line.mothers}:
        daughters = [line for line in lines if line.mothers == mothers]
        before, after = sum(lines[i].p for i in mothers), sum(line.p for line in daughters)
        np.testing.assert_allclose(after, before, rtol=0.0, atol=1e-13)
        assert sum(charge(lines[i].pdg) for i in mothers) == sum(charge(line.pdg) for line in daughters)
    decayed = {i for line in lines for i in line.mothers}
    for i, line in enumerate(lines):
        E, p2 = line.p[3], float(line.p[:3] @ line.p[:3])
        assert math.sqrt(p2 + line.m**2) == pytest.approx(E, rel=1e-9), line
        final, incoming = i not in decayed, not line.mothers
        assert line.status == (1 if final else 4 if incoming and abs(line.pdg) == 11 else line.status)
        assert final or line.status in (2, 4)


def whole_event(columns: Iterable[str]) -> set[str]:
    """Columns that belong to no particle and are no weight."""
    return {name for name in columns if not re.search(r"_(p[xyz]|E)$|^X_decay_|^weight", name)}


@pytest.mark.parametrize("format", RECORDS)
@pytest.mark.parametrize("case", CASES)
def test_decay_trees(case: str, format: str, tmp_path: Path) -> None:
    """Every event of every topology and frame: what is conserved, and the numbers of the columns."""
    name, read = RECORDS[format]
    job = card(case, tmp_path / name)
    run(job)
    sample, columns = sample_of(job), columns_of(job)
    codes = {mode: sample.modes[mode].pdg for mode in range(len(sample.modes))}
    channel, widths = job.decay, sample.widths
    has_beams = job.beam != "rest" and job.frame != "B"
    records = list(read(Path(job.output.path)))
    assert [record.number for record in records] == list(range(EVENTS))
    seen = set()
    for i, record in enumerate(records):
        lines, mode = record.lines, int(columns["mode"][i])
        seen.add(mode)
        check_conservation(lines)
        pdg = [line.pdg for line in lines]
        beams = [11, -11, 300553] if has_beams else []
        assert pdg[: len(beams) + 1] == [*beams, channel.B_pdg]
        assert pdg.count(-channel.B_pdg) == has_beams
        # every daughter of the table of modes is there, and X where it is a particle or is not decayed
        X = [] if widths is None and codes[mode] else [widths.pdg if widths else job.model.mediator_pdg or UNNAMED]
        rest = [channel.hadron_pdg, *(d.pdg for d in channel.daughters), *X, *codes[mode]]
        first = len(beams) + 1 + has_beams
        assert sorted(pdg[first:]) == sorted(rest)
        # four-momenta as in the columns
        written = {tuple(line.p) for line in lines}
        prefixes = {column.rpartition("_")[0] for column in columns if column.endswith("_px")}
        absent = {"d1", "d2", "d11", "d12", "d21", "d22"}.difference(
            name for name, _ in zip(("d1", "d2", "d11", "d12", "d21", "d22"), codes[mode], strict=False)
        ) | (set() if X else {"X"})
        for prefix in prefixes - absent:
            assert tuple(columns[f"{prefix}_{c}"][i] for c in ("px", "py", "pz", "E")) in written, prefix
        assert set(record.scalars) == whole_event(columns)
        for column, value in record.scalars.items():
            assert value == pytest.approx(float(columns[column][i]), rel=1e-14, abs=1e-300), column
    assert len(seen) >= min(2, len(sample.modes))


@pytest.mark.parametrize("format", RECORDS)
def test_first_frame(format: str, tmp_path: Path) -> None:
    """In the lab the beams are those of SuperKEKB, 7.0 and 4.0 GeV head on, and make a Y(4S) with the boost."""
    name, read = RECORDS[format]
    job = card("pair, displaced", tmp_path / name, 1)
    run(job)
    electron, positron, upsilon = next(read(Path(job.output.path))).lines[:3]
    assert electron.p[3] == pytest.approx(7.0, abs=0.01)
    assert positron.p[3] == pytest.approx(4.0, abs=0.01)
    assert upsilon.m == 10.579
    assert upsilon.p[2] / upsilon.m == pytest.approx(0.284, rel=1e-12)
    job = card("cascade", tmp_path / f"y{name}", 1)
    run(job)
    electron, positron, upsilon = next(read(Path(job.output.path))).lines[:3]
    assert electron.p[3] == positron.p[3] == 10.579 / 2.0
    assert not upsilon.p[:3].any()


def test_vertices(tmp_path: Path) -> None:
    """Daughters of X start where X decays, all else at the origin; LHE has the proper time."""
    paths = {name: tmp_path / file for name, (file, _) in RECORDS.items()}
    for path in paths.values():
        run(card("pair, displaced", path))
    columns = columns_of(card("pair, displaced", paths["lhe"]))
    displaced = 0
    hepmc, lhe = (list(RECORDS[name][1](path)) for name, path in paths.items())
    for i, (with_points, with_times) in enumerate(zip(hepmc, lhe, strict=True)):
        x, y, z, t = (columns[f"X_decay_{c}"][i] for c in "xyzt")
        at = np.array([x, y, z, 1e-9 * t * C * 1e3])
        for line in with_points.lines:
            below = bool(line.mothers) and with_points.lines[line.mothers[0]].pdg == 54
            np.testing.assert_allclose(line.point, at if below else np.zeros(4), rtol=1e-14)
            displaced += below
        for line in with_times.lines:
            proper = math.sqrt(at[3] ** 2 - at[:3] @ at[:3]) if line.pdg == 54 else 0.0
            assert line.lifetime == pytest.approx(proper, rel=1e-9)
    assert displaced > EVENTS // 2


@pytest.mark.parametrize("case", ["pair, displaced", "at rest"])
def test_weights_and_cross_section(case: str, tmp_path: Path) -> None:
    """HepMC: weights of the columns, the cross section in pb.  LHE: weights in pb, whose mean is the cross section."""
    settings = {"variations": "eigen" if case == "pair, displaced" else "none"}
    jobs = {name: card(case, tmp_path / file, 20, **settings) for name, (file, _) in RECORDS.items()}
    for job in jobs.values():
        run(job)
    sample, columns = sample_of(jobs["lhe"]), columns_of(jobs["lhe"])
    names = ["weight", *(name for name in columns if name.startswith("weight_"))]
    assert len(names) == (17 if case == "pair, displaced" else 1)  # 8 directions, up and down
    sigma = cross_section(sample)
    if case == "pair, displaced":
        assert sample.expected_decays is not None
        assert sigma == pytest.approx(sample.expected_decays / (362.0 * 1000.0), rel=1e-12)  # pb, 1 fb = 1e-3 pb
    else:
        assert sigma is None
    unit = sample.branching_fraction if sigma is None else sigma
    for i, record in enumerate(hepmc_records(tmp_path / "x.hepmc")):
        assert record.weights == [columns[name][i] for name in names]
        assert record.cross_section == (None if sigma is None else pytest.approx(sigma, rel=1e-8))
    for i, record in enumerate(lhe_records(tmp_path / "x.lhe")):
        expected = [columns[name][i] / columns["weight"][i] * unit for name in names]
        np.testing.assert_allclose(record.weights, expected, rtol=1e-14)
    with pyhepmc.open(tmp_path / "x.hepmc") as file:
        assert next(iter(file)).weight_names == names
    document = ElementTree.fromstring(text_of(tmp_path / "x.lhe"))
    assert [weight.get("id") for weight in document.iter("weight")] == names[1:]
    beams, process = (document.findtext("init") or "").strip().splitlines()[:2]
    assert [float(number) for number in process.split()] == pytest.approx([unit, 0.0, unit, 1.0], rel=1e-15)
    pdg_1, pdg_2, E_1, E_2, *pdf, strategy, processes = (float(word) for word in beams.split())
    assert (pdf, strategy, processes) == ([0.0] * 4, 4.0, 1.0)
    if case == "pair, displaced":
        assert (pdg_1, pdg_2) == (11, -11)
        energy = 10.579 * math.sqrt(1.0 + 0.284**2)
        assert math.isclose(E_1 + E_2, energy, rel_tol=1e-12)
    else:
        assert (pdg_1, pdg_2, E_1, E_2) == (531, 0, sample.plan.m_B, 0.0)


def content(event: Any) -> list[tuple[Any, ...]]:
    """What each particle is, its momentum and its mothers, in an order that does not depend on the file."""
    return sorted(
        (p.pid, p.status, p.momentum.px, p.momentum.py, p.momentum.e, sorted(mother.pid for mother in p.parents))
        for p in event.particles
    )


def test_les_houches_events_as_hepmc3_reads_them(tmp_path: Path) -> None:
    """The C++ reader of HepMC3 finds the decay tree that HepMC3 files have."""
    for name, _ in RECORDS.values():
        run(card("cascade", tmp_path / name, 5))
    with pyhepmc.open(tmp_path / "x.hepmc") as file:
        ours = list(file)
    with pyhepmc.open(tmp_path / "x.lhe") as file:
        theirs = list(file)
    assert len(ours) == len(theirs) == 5
    for a, b in zip(ours, theirs, strict=True):
        assert len(a.particles) == len(b.particles) == 15
        assert content(a) == content(b)


@pytest.mark.parametrize(("format", "ending"), [("hepmc3", ".hepmc.gz"), ("hepmc3", ".hepmc3.gz"), ("lhe", ".lhe.gz")])
def test_compressed(format: str, ending: str, tmp_path: Path) -> None:
    """The same text, and the same bytes twice."""
    name, _ = RECORDS[format]
    plain, packed = tmp_path / name, tmp_path / f"x{ending}"
    for path in (plain, packed):
        run(card("cascade", path, 20))
    metadata = re.compile(r"^(A metadata|  <bkgen>).*$", re.MULTILINE)  # path and time
    assert metadata.sub("", text_of(packed)) == metadata.sub("", text_of(plain))
    assert packed.stat().st_size < 0.5 * plain.stat().st_size


def test_metadata_of_records(tmp_path: Path) -> None:
    """The JSON document as in a tree, without the digests of columns."""
    for name in ("x.root", "x.hepmc", "x.lhe"):
        run(card("cascade", tmp_path / name, 3))
    with pyhepmc.open(tmp_path / "x.hepmc") as file:
        first = next(iter(file))
    hepmc = first.run_info.attributes["metadata"].astype(str)
    lhe = ElementTree.fromstring(text_of(tmp_path / "x.lhe")).findtext("header/bkgen") or ""
    tree = api.open(tmp_path / "x.root").metadata
    different = ("chunk_range", "chunks", "content_sha256", "branches")
    for text in (hepmc, lhe):
        metadata = json.loads(text)
        assert card_from_dict(metadata["card"]).model == card("cascade", tmp_path / "x.lhe").model
        for document in (metadata, dict(tree)):
            for key in ("card", "written"):
                document.pop(key, None)
        assert metadata == {key: value for key, value in tree.items() if key not in (*different, "card", "written")}
    assert (first.run_info.tools[0].name, first.run_info.tools[0].version) == ("bkgen", tree["bkgen"])


# --- files that are not written, and files that cannot be read

FILES = {"root": "x.root", "rntuple": "x.root", "parquet": "x.parquet", "hepmc3": "x.hepmc.gz", "lhe": "x.lhe"}


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
@pytest.mark.parametrize("format", FILES)
def test_interrupted_run_leaves_nothing(format: str, error: type[BaseException], tmp_path: Path) -> None:
    job = card(
        "cascade", tmp_path / FILES[format], 50, output={"path": str(tmp_path / FILES[format]), "format": format}
    )
    sample = sample_of(job)

    def interrupted() -> None:
        with FORMATS[format](Path(job.output.path), sample, job.resolved()) as writer:
            writer.write(next(iter(sample.chunks())))
            assert [path.name for path in tmp_path.iterdir()] == [f"{FILES[format]}.part"]
            raise error

    with pytest.raises(error):
        interrupted()
    assert not list(tmp_path.iterdir())


def command(*words: object) -> Any:
    return CliRunner().invoke(cli.app, [str(word) for word in words])


@pytest.mark.parametrize("format", FILES)
def test_place_that_cannot_be_written(format: str, tmp_path: Path) -> None:
    """One line that names it."""
    (tmp_path / "card.yaml").write_text("schema: 1\nmodel: {name: sm}\nchannel: B+ -> K+\n")
    (tmp_path / "file").touch()
    answer = command(
        "run", tmp_path / "card.yaml", "-n", "10", "--format", format, "-o", tmp_path / "file" / FILES[format]
    )
    assert answer.exit_code == 1
    assert answer.stderr.splitlines() == [f"{tmp_path / 'file'}: File exists"]


@pytest.mark.parametrize(
    ("format", "package"),
    [("parquet", "pyarrow"), ("hepmc3", "pyhepmc"), ("lhe", "pylhe")],
    ids=["parquet", "hepmc3", "lhe"],
)
def test_missing_package(format: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that says what to install, before any work, with exit code 2."""
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"bkgen.io.{format}", raising=False)
    (tmp_path / "card.yaml").write_text("schema: 1\nmodel: {name: sm}\nchannel: B+ -> K+\n")
    answer = command("run", tmp_path / "card.yaml", "-n", "10", "-o", tmp_path / FILES[format])
    assert answer.exit_code == 2
    assert answer.stderr.splitlines() == [f"this needs {package}: pip install 'bkgen[formats]'"]
    assert [path.name for path in tmp_path.iterdir()] == ["card.yaml"]


@pytest.mark.parametrize(("name", "reader"), [("x.hepmc", "pyhepmc.open"), ("x.lhe.gz", "pylhe.LHEFile.fromfile")])
def test_records_are_not_tables(name: str, reader: str, tmp_path: Path) -> None:
    """`open` names the function that reads them."""
    run(card("cascade", tmp_path / name, 3))
    for reading in (api.open, commands.fitted_file, report.subject):
        with pytest.raises(InputError, match=f"{name}: holds decay trees, not columns: read it with {reader}$"):
            reading(tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"root" + bytes(1000), "table", "cut"])
def test_parquet_of_another_program(content: bytes | str, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    if content == "table":
        import pandas

        pandas.DataFrame({"q2": [1.0]}).to_parquet(path, engine="pyarrow")
    elif content == "cut":
        run(card("cascade", path, 3))
        path.write_bytes(path.read_bytes()[:-500])
    elif isinstance(content, bytes):
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"x.parquet: not an event file of bkgen \(\w+\)$"):
        api.open(path)


# --- PDG codes

FURTHER_CODES: list[dict[str, Any]] = [
    {"name": "alp", "m_a": 4.0, "f_a": 1e5, "C_l": 1.0, "C_chi": 1.0, "m_chi": 0.5, "C_gamma_UV": 1.0},
    {
        "name": "dark_higgs",
        "m_H1": 4.0,
        "sin_theta": 1e-3,
        "v_Phi": 100.0,
        "X": {"m_X": 0.5, "lambda_PhiX": 1e-3, "Q_X": 1},
        "S": {"m_S": 0.5, "mu_S": 1e-3},
        "chi": {"m_chi": 0.5, "y_chi": 1e-3},
        "N": {"m_N": 0.5, "y_N": 1e-3},
    },
]


def codes_in_use() -> set[int]:
    """Absolute PDG codes of all particles that the ready cards and further points of models can write."""
    used = {UNNAMED, 11, 300553}
    for channel in CHANNELS.values():
        daughters = (daughter for decay in channel.decays for daughter in decay.daughters)
        used |= {channel.B_pdg, channel.hadron_pdg, *(abs(daughter.pdg) for daughter in daughters)}
    cards = [api.load_card(path) for path in sorted((ROOT / "cards").glob("*.yaml"))]
    cards += [card_from_dict({"schema": 1, "model": model, "channel": "B+ -> K+"}) for model in FURTHER_CODES]
    for job in cards:
        widths = job.model.widths(job.physics_inputs)
        used |= {job.model.mediator_pdg, 0 if widths is None else widths.pdg}
        used |= {abs(code) for mode in job.model.modes(job.physics_inputs) for code in mode.pdg}
    return used - {0}


def test_table_of_pdg_codes() -> None:
    """The documentation lists the codes that are in use, no more and no fewer, and the PDG knows those of hadrons."""
    text = (ROOT / "docs" / "output-format.md").read_text(encoding="utf-8")
    section = text.partition("## PDG codes")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([\d, ]+) \|", section, re.MULTILINE)
    listed = {int(code) for row in rows for code in row.split(",")}
    assert listed == codes_in_use()
    for code in listed - set(range(51, 56)) - {UNNAMED}:
        assert KnownParticle.from_pdgid(code).pdgid == code
    constants = card("pole", Path("x.lhe")).physics_inputs.constants
    for channel in CHANNELS.values():
        for code, mass in ((channel.B_pdg, channel.m_B(constants)), (channel.hadron_pdg, channel.m_H(constants))):
            assert KnownParticle.from_pdgid(code).mass == pytest.approx(1e3 * mass, rel=1e-2)
