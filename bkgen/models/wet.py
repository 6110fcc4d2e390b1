"""Weak effective theory of b -> s nu nu with massless neutrinos."""

from __future__ import annotations

from typing import ClassVar, Literal

from ..channels import CHANNELS, Channel
from ..currents import neutrino_pairs
from ..dark_matter import DecayMode
from ..formfactors import Inputs
from ..spectrum import Spectrum
from .base import Complex, Model, as_complex, parameter
from .sm import neutrino_modes


class WET(Model):
    """B -> K(*) nu nu with total Wilson coefficients of vector, scalar and tensor operators, the SM included.

    H = (4 G_F/sqrt 2)(alpha/2 pi) VtbVts* sum_i C_i O_i, coefficients in the normalisation of EOS (class sbnunu), with
    alpha of the inputs.  Scalar and tensor operators break lepton number; flavours are written evenly.
    Source: arXiv:2111.15428, arXiv:2507.12393.
    """

    channels: ClassVar[tuple[str, ...]] = tuple(CHANNELS)
    mediator: ClassVar[str] = "nu nubar"

    name: Literal["wet"]
    C_VL: Complex | None = parameter("left-handed vector, total (default: X_t/s2w of the SM)", default=None)
    C_VR: Complex = parameter("right-handed vector", default=0.0)
    C_SL: Complex = parameter("left-handed scalar", default=0.0)
    C_SR: Complex = parameter("right-handed scalar", default=0.0)
    C_TL: Complex = parameter("left-handed tensor", default=0.0)

    @property
    def contains_sm(self) -> bool:
        """The coefficients are totals."""
        return True

    def spectrum(self, channel: Channel, inputs: Inputs) -> Spectrum:
        """Spectrum in q2 with all angles."""
        C_VL = complex(inputs.constants.C_SM_nu) if self.C_VL is None else as_complex(self.C_VL)
        others = [as_complex(value) for value in (self.C_VR, self.C_SL, self.C_SR, self.C_TL)]
        return Spectrum.from_density(
            lambda q2: neutrino_pairs(q2, channel, inputs, C_VL, *others), 0.0, channel.q2_max(inputs.constants)
        )

    def modes(self, inputs: Inputs) -> tuple[DecayMode, ...]:
        """Three flavours in equal parts."""
        return neutrino_modes()
