"""Output format `hepmc3`: decay trees in the ASCII format of HepMC3, units GeV and mm, compressed if PATH ends in .gz.

Source: Buckley et al., Comput. Phys. Commun. 260 (2021) 107310 (arXiv:1912.08005).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..errors import MissingExtra
from ..generator import CHUNK, EventBatch, Sample
from .decay_tree import DecayTree, DecayTrees, cross_section, scalars, weights
from .metadata import header
from .part import FileWriter, open_binary

try:
    import pyhepmc
    from pyhepmc.io import WriterAscii, pyiostream
except ImportError as error:
    raise MissingExtra("formats", "pyhepmc") from error

FINAL, DECAYED, BEAM = 1, 2, 4
"""Status codes: undecayed particle, decayed particle, incoming beam particle."""


class HepMC3Writer(FileWriter):
    """One GenEvent per row: event number = row of the sample, weights by name, scalar columns as attributes.

    The attribute `metadata` of the run is the JSON document of `bkgen.io.metadata.header`.
    """

    _file: Any = None
    _stream: Any = None
    _writer: Any = None

    def __init__(self, path: Path, sample: Sample, card: Mapping[str, Any]) -> None:
        super().__init__(path, sample)
        self._trees = DecayTrees(sample)
        self._weights, self._scalars = weights(sample), scalars(sample)
        self._shapes: dict[DecayTree, tuple[NDArray[np.int32], ...]] = {}
        self._run = pyhepmc.GenRunInfo()
        self._run.tools = [("bkgen", __version__, "B -> hadron + invisible")]
        self._run.weight_names = self._weights
        self._run.attributes["metadata"] = json.dumps(header(sample, card))
        self._cross_section = pyhepmc.GenCrossSection()
        self._known_cross_section = cross_section(sample)
        if self._known_cross_section is not None:
            self._cross_section.set_cross_section(self._known_cross_section, 0.0)

    def _open(self, part: Path) -> None:
        self._file = open_binary(part, self.path)
        self._stream = pyiostream(self._file)
        self._writer = WriterAscii(self._stream, self._run)

    def write(self, batch: EventBatch) -> None:
        """Append a chunk."""
        record = pyhepmc.GenEvent(pyhepmc.Units.GEV, pyhepmc.Units.MM)
        record.run_info = self._run
        columns = batch.columns
        names, rows = self._scalars, zip(*(columns[name].tolist() for name in self._scalars), strict=True)
        values = zip(*(columns[name].tolist() for name in self._weights), strict=True)
        first = batch.chunk * CHUNK
        for event, weight, row in zip(self._trees.events(batch), values, rows, strict=True):
            pdg, status, parents = self._shape(event.tree)
            point = (None,) * 4 if event.production is None else event.production
            record.from_hepevt(first + event.row, *event.momenta, pdg, status, parents, None, *point)
            record.weights = weight
            attributes = record.attributes
            for name, value in zip(names, row, strict=True):
                attributes[name] = value
            if self._known_cross_section is not None:
                record.cross_section = self._cross_section
            self._writer.write_event(record)
        if self._writer.failed():
            raise OSError(f"{self._part}: cannot be written")

    def _shape(self, tree: DecayTree) -> tuple[NDArray[np.int32], ...]:
        """PDG codes, status codes and first and last mother, counted from 1, as HEPEVT has them."""
        if tree not in self._shapes:
            particles = tree.particles
            beams = range(2 if self._trees.has_beams else 0)
            status = [BEAM if i in beams else DECAYED if p.decays else FINAL for i, p in enumerate(particles)]
            parents = [(p.mothers[0] + 1, p.mothers[-1] + 1) if p.mothers else (0, 0) for p in particles]
            pdg = [p.pdg for p in particles]
            self._shapes[tree] = tuple(np.array(values, dtype=np.int32) for values in (pdg, status, parents))
        return self._shapes[tree]

    def _complete(self, metadata: dict[str, Any]) -> None:
        self._close()

    def _close(self) -> None:
        try:
            if self._writer is not None:
                self._writer.close()
                self._stream.flush()
        finally:
            if self._file is not None:
                self._file.close()
