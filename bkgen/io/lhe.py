"""Output format `lhe`: decay trees as Les Houches events, version 3, compressed if PATH ends in .gz.

Sources: hep-ph/0609017 (format), hep-ph/0109068 (numbers), arXiv:1405.1067 (version 3).
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from .. import __version__
from ..errors import MissingExtra
from ..generator import EventBatch, Sample
from .decay_tree import ELECTRON, DecayTree, DecayTrees, Event, cross_section, scalars, weights
from .metadata import header
from .part import FileWriter, open_binary

try:
    import pylhe
except ImportError as error:
    raise MissingExtra("formats", "pylhe") from error

INCOMING, FINAL, DECAYED = -1, 1, 2
"""Status codes ISTUP."""
WEIGHTED = 4
"""IDWTUP: the weights have the unit of the cross section, which is their mean."""
PROCESS = 1
_UNDEFINED = -1.0  # scale and couplings
_NO_SPIN = 9.0  # SPINUP of a particle whose helicity is not given

_FORMAT = pylhe.LHEXMLFormat(
    eventinfo="{nparticles} {pid} {weight:.16e} {scale:g} {aqed:g} {aqcd:g}",
    particle="{id} {status} {mother1} {mother2} {color1} {color2} "
    "{px:.16e} {py:.16e} {pz:.16e} {e:.16e} {m:.16e} {lifetime:.16e} {spin:g}",
    initinfo="{beamA} {beamB} {energyA:.16e} {energyB:.16e} {PDFgroupA} {PDFgroupB} {PDFsetA} {PDFsetB} "
    "{weightingStrategy} {numProcesses}",
    procinfo="{xSection:.16e} {error:.16e} {unitWeight:.16e} {procId}",
)
"""All digits of a double, where pylhe has 9 by default."""


class LHEWriter(FileWriter):
    """One `<event>` per row; VTIMUP is the proper time of X until its decay times c [mm], 0 for all others.

    XWGTUP and the weights of `<rwgt>` are in pb, their mean is the cross section; without a luminosity they are
    branching fractions.  A comment line in each event holds its scalar columns.
    """

    _file: Any = None
    _text: Any = None

    def __init__(self, path: Path, sample: Sample, card: Mapping[str, Any]) -> None:
        super().__init__(path, sample)
        self._trees = DecayTrees(sample)
        self._variations, self._scalars = weights(sample)[1:], scalars(sample)
        known = cross_section(sample)
        self._sigma = sample.branching_fraction if known is None else known
        self._lines: dict[DecayTree, list[tuple[int, int, int, int, bool]]] = {}
        self._metadata = header(sample, card)

    def _open(self, part: Path) -> None:
        self._file = open_binary(part, self.path)
        self._text = io.TextIOWrapper(self._file, encoding="utf-8", newline="\n", write_through=True)
        self._text.write(f'<LesHouchesEvents version="{pylhe.LHEVersion.V3.value}">\n')
        self._text.write(self._header().tolhe(_FORMAT) + "\n")
        self._text.write(self._init().tolhe(_FORMAT) + "\n")

    def _header(self) -> pylhe.LHEHeader:
        metadata = Element("bkgen")
        metadata.text = json.dumps(self._metadata)
        entries: list[Any] = []
        if self._variations:
            named = [pylhe.LHEInitRWGTWeight(id=name, name=name) for name in self._variations]
            entries.append(pylhe.LHEInitRWGTWeightGroup(weights=named, extra_attributes={"name": "form factors"}))
        return pylhe.LHEHeader(initrwgt=pylhe.LHEInitRWGT(entries=entries), extra_elements=[metadata])

    def _init(self) -> pylhe.LHEInit:
        """The beams; of a B that decays on its own, the B and nothing."""
        job = self._sample.job
        beams = ((job.channel.B_pdg, job.channel.m_B(job.inputs.constants)), (0, 0.0))
        if self._trees.has_beams:
            E_electron, E_positron = self._trees.beam_energies
            beams = ((ELECTRON, E_electron), (-ELECTRON, E_positron))
        return pylhe.LHEInit(
            initInfo=pylhe.LHEInitInfo(
                beamA=beams[0][0],
                beamB=beams[1][0],
                energyA=beams[0][1],
                energyB=beams[1][1],
                PDFgroupA=0,
                PDFgroupB=0,
                PDFsetA=0,
                PDFsetB=0,
                weightingStrategy=WEIGHTED,
                numProcesses=1,
            ),
            procInfo=[pylhe.LHEProcInfo(xSection=self._sigma, error=0.0, unitWeight=self._sigma, procId=PROCESS)],
            generators=[pylhe.LHEGenerator(name="bkgen", version=__version__, description=job.channel.name)],
        )

    def write(self, batch: EventBatch) -> None:
        """Append a chunk."""
        per_weight = self._sigma / self._sample.weight
        variations = [(batch.columns[name] * per_weight).tolist() for name in self._variations]
        columns = [batch.columns[name].tolist() for name in self._scalars]
        for event in self._trees.events(batch):
            notes = [f"# {' '.join(f'{n}={v[event.row]!r}' for n, v in zip(self._scalars, columns, strict=True))}"]
            if variations:
                # as text, because pylhe rounds weights to five digits
                named = zip(self._variations, variations, strict=True)
                lines = (f"<wgt id='{name}'>{values[event.row]!r}</wgt>" for name, values in named)
                notes += ["<rwgt>", *lines, "</rwgt>"]
            self._text.write(self._event(event, notes).tolhe(_FORMAT) + "\n")

    def _event(self, event: Event, notes: list[str]) -> pylhe.LHEEvent:
        if event.tree not in self._lines:
            self._lines[event.tree] = [self._line(event.tree, i) for i in range(len(event.tree.particles))]
        lines = self._lines[event.tree]
        particles = [
            pylhe.LHEParticle(
                id=pdg, status=status, mother1=first, mother2=last, color1=0, color2=0,
                px=px, py=py, pz=pz, e=E, m=m, lifetime=event.ctau if flies else 0.0, spin=_NO_SPIN,
            )
            for (pdg, status, first, last, flies), (px, py, pz, E, m) in zip(
                lines, event.momenta.T.tolist(), strict=True
            )
        ]  # fmt: skip
        info = pylhe.LHEEventInfo(
            nparticles=len(particles), pid=PROCESS, weight=self._sigma,
            scale=_UNDEFINED, aqed=_UNDEFINED, aqcd=_UNDEFINED,
        )  # fmt: skip
        return pylhe.LHEEvent(eventinfo=info, particles=particles, optional=notes)

    def _line(self, tree: DecayTree, i: int) -> tuple[int, int, int, int, bool]:
        """PDG code, status, first and last mother (counted from 1; 0 for none), whether it is X."""
        particle = tree.particles[i]
        mothers = [mother + 1 for mother in particle.mothers] or [0]
        status = INCOMING if not particle.mothers else DECAYED if particle.decays else FINAL
        return particle.pdg, status, mothers[0], mothers[-1], particle.name == "X"

    def _complete(self, metadata: dict[str, Any]) -> None:
        self._text.write("</LesHouchesEvents>\n")
        self._close()

    def _close(self) -> None:
        try:
            if self._text is not None:
                self._text.close()
        finally:
            if self._file is not None:
                self._file.close()
