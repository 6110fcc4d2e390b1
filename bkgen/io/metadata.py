"""What a file says about itself: card, inputs, modes, particles, normalisation, digests."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from .. import __version__
from ..constants import data_path
from ..dark_matter import DecayMode
from ..generator import CHUNK, Sample

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


def describe(sample: Sample, card: Mapping[str, Any], digests: list[bytes]) -> dict[str, Any]:
    """The metadata of a sample; everything but the entry `written` is the same for the same card and version."""
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
        "written": {"time": datetime.now(UTC).isoformat(timespec="seconds"), "host": platform.node()},
    }


def header(sample: Sample, card: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata that is known before the events are, for formats that begin with it: without digests of columns."""
    later = ("chunks", "content_sha256", "branches")
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
