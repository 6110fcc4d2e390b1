"""What a file says about itself: card, inputs, modes, particles, normalisation, digests."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .. import __version__
from ..constants import data_path
from ..dark_matter import DecayMode
from ..errors import InputError
from ..generator import CHUNK, EventBatch, Sample

UNITS = {
    "momenta, masses, energies": "GeV",
    "q2, q2_rec": "GeV^2",
    "X_decay_x, y, z": "mm",
    "X_decay_t": "ns",
    "azimuth": "rad",
    "luminosity": "fb^-1",
    "rate": "GeV",
}
NOTES = {
    "cascade": "helicity states of a cascade are separate modes, the azimuth between their decay planes is flat",
    "weight": "N_B x luminosity x BR(B -> hadron X)/events, the same for every event; charge conjugates included",
    "accepted": "X invisible, one draw of the efficiency at true q2, q2_rec above the cut",
    "Bs": "untagged, Delta Gamma_s neglected; weight is BR(Bs -> phi X)/events",
    "neutrinos": "scalar and tensor pairs of wet break lepton number; written as nu nu~, flavours evenly",
    "hadron": "the named charge state is written; a K0 is the K0, half of it a K_S",
}


@cache
def data_sha256() -> str:
    """SHA-256 over every table of the package."""
    sha = hashlib.sha256()
    root = data_path()
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        sha.update(path.relative_to(root).as_posix().encode())
        sha.update(path.read_bytes())
    return sha.hexdigest()


def content_sha256(digests: list[bytes]) -> str:
    """Digest of a sample from those of its chunks, in order."""
    return hashlib.sha256(b"".join(digests)).hexdigest()


def written() -> dict[str, str]:
    """When and where a file is made."""
    return {"time": datetime.now(UTC).isoformat(timespec="seconds"), "host": platform.node()}


Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Blocks(BaseModel):
    """The blocks of a card that are used without reading the card itself."""

    model_config = ConfigDict(extra="allow", strict=True)
    __pydantic_extra__: dict[str, Any]

    output: dict[str, Any]


class _Form(BaseModel):
    """The metadata that readers of event files rely on."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, Any]

    bkgen: str
    card: _Blocks
    inputs_sha256: str
    data_sha256: str
    events: int = Field(gt=0, lt=2**53)
    chunk_size: int = Field(gt=0, lt=2**53)
    chunk_range: list[int] = Field(min_length=2, max_length=2)
    chunks: list[Digest]
    content_sha256: Digest
    rate: float = Field(gt=0.0)
    branching_fraction: float = Field(gt=0.0)
    br_invisible: float
    n_expected: float | None
    weight: float
    seed: int
    written: dict[str, str]
    modes: list[dict[str, Any]]
    particles: dict[str, Any]
    branches: dict[str, Literal["float64", "float32", "int64", "int32", "int16", "int8", "bool"]]
    warnings: list[str]
    notes: dict[str, str]
    reweighted: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _chunks_fit(self) -> _Form:
        (first, last), total = self.chunk_range, -(-self.events // self.chunk_size)
        if not (0 <= first < last <= total and len(self.chunks) == last - first):
            raise ValueError("the chunks do not fit together")
        return self


def require_form(metadata: Mapping[str, Any], path: object, branches: Iterable[str], entries: int) -> None:
    """Check what a file says about itself against what it holds: names of its branches, number of events.

    Raises InputError if something is missing, of another kind, or not what the file holds.
    """
    try:
        form = _Form.model_validate(metadata)
    except ValidationError as error:
        keys = dict.fromkeys(".".join(map(str, detail["loc"][:2])) or "chunk_range" for detail in error.errors())
        wrong = ", ".join(list(keys)[:5])
        raise InputError(f"{path}: its metadata are not those of an event file of this version ({wrong})") from None
    if set(form.branches) != set(branches):
        raise InputError(f"{path}: the branches are not those in its metadata")
    expected = min(form.chunk_range[1] * form.chunk_size, form.events) - form.chunk_range[0] * form.chunk_size
    if entries != expected:
        raise InputError(f"{path}: is truncated, it holds {entries} of {expected} events")


def chunk_range(metadata: Mapping[str, Any]) -> range:
    """Numbers of the chunks that a file holds."""
    return range(*metadata["chunk_range"])


def check_chunk(path: Path, batch: EventBatch, metadata: Mapping[str, Any]) -> None:
    """Raises InputError for a chunk of a file whose content does not have the digest in the metadata."""
    if batch.digest().hex() != metadata["chunks"][batch.chunk - chunk_range(metadata).start]:
        text = f"chunk {batch.chunk} is damaged, its content does not have the digest in the metadata"
        raise InputError(f"{path}: {text}")


def missing_chunks(metadata: Mapping[str, Any]) -> str:
    """What a file lacks of its sample, in words; empty for a whole sample."""
    if "chunk_range" not in metadata:
        return ""
    held, total = chunk_range(metadata), -(-int(metadata["events"]) // int(metadata["chunk_size"]))
    if len(held) == total:
        return ""
    return f"holds the chunks {held.start}:{held.stop} of {total} only; merge it with the others: bkgen merge OUT FILES"


def require_whole(metadata: Mapping[str, Any], path: object) -> None:
    """Raises InputError for a file that holds only some chunks of its sample."""
    missing = missing_chunks(metadata)
    if missing:
        raise InputError(f"{path}: {missing}")


def describe(sample: Sample, card: Mapping[str, Any], digests: list[bytes], first_chunk: int = 0) -> dict[str, Any]:
    """The metadata of a sample; everything but the entry `written` is the same for the same card and version.

    digests: of the chunks in the file, from `first_chunk` on.
    """
    job = sample.job
    constants = job.inputs.constants
    channel = job.channel
    particles = {
        "B": {"pdg": channel.B_pdg, "mass": channel.m_B(constants)},
        channel.prefix: {"pdg": channel.hadron_pdg, "mass": channel.m_H(constants)},
        "X": {
            "name": job.model.mediator,
            "pdg": sample.widths.pdg if sample.widths is not None else job.model.mediator_pdg,
            "ctau_m": sample.ctau if sample.ctau < float("inf") else None,
        },
    }
    for daughter, mass in zip(channel.daughters, channel.daughter_masses(constants), strict=True):
        particles[daughter.prefix] = {"pdg": daughter.pdg, "mass": mass}
    return {
        "bkgen": __version__,
        "card": dict(card),
        "inputs": job.inputs.to_dict(),
        "inputs_sha256": job.inputs.sha256,
        "data_sha256": data_sha256(),
        "seed": job.seed,
        "events": job.events,
        "chunk_size": CHUNK,
        "chunk_range": [first_chunk, first_chunk + len(digests)],
        "chunks": [digest.hex() for digest in digests],
        "content_sha256": content_sha256(digests),
        "rate": sample.spectrum.rate(),
        "branching_fraction": sample.branching_fraction,
        "br_invisible": sample.br_invisible,
        "n_expected": sample.expected_decays,
        "weight": sample.weight,
        "modes": [
            _mode(index, mode, float(mean))
            for index, (mode, mean) in enumerate(zip(sample.modes, sample.mode_fractions.means, strict=True))
        ],
        "particles": particles,
        "branches": {name: str(dtype) for name, dtype in sample.branches.items()},
        "warnings": list(job.model.warnings(channel, job.inputs)),
        "hadron_decay": None
        if channel.decay is None
        else {"name": channel.decay.name, "fraction": channel.decay.fraction},
        "units": UNITS,
        "notes": NOTES,
        "written": written(),
    }


def header(sample: Sample, card: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata that is known before the events are, for formats that begin with it: without digests of columns."""
    later = ("chunk_range", "chunks", "content_sha256", "branches")
    return {key: value for key, value in describe(sample, card, []).items() if key not in later}


def _mode(index: int, mode: DecayMode, mean: float) -> dict[str, Any]:
    names = ("d1", "d2", "d11", "d12", "d21", "d22")
    codes = dict.fromkeys(names, 0) | dict(zip(names, mode.pdg, strict=False))
    masses = dict(zip(names, mode.masses, strict=False))
    return {
        "index": index,
        "name": mode.name,
        "branching_fraction": mean,
        "depends_on_q2": callable(mode.branching_fraction),
        "invisible": mode.invisible,
        "topology": mode.topology,
        "pdg": codes,
        "masses": masses,
    }
