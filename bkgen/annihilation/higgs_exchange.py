"""Annihilation through the scalars H1 and H2 in the s channel.

phi = c H1 + s H2 couples to dark pairs and h = -s H1 + c H2 to Standard Model particles, so the exchanges are

    <phi phi> = c^2/D_1 + s^2/D_2,    <phi h> = s c (1/D_2 - 1/D_1),    D_i = q2 - m_i^2 + i m_i Gamma_i,

and with W(q2) = sqrt(q2) Gamma(phi* or h* -> final state) sigma v = g |exchange|^2 2 W/s, g the square of the initial
amplitude averaged over spins.  Source: arXiv:2401.10112.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .. import widths
from ..constants import Constants
from ..kinematics import FloatArray
from ..self_energies import Pair, inverse_propagator
from .two_to_two import checked_s, exchange_cross_section

ComplexArray = NDArray[np.complex128]
Width = Callable[[FloatArray], FloatArray]
"""Width [GeV] of a Higgs boson of mass m (n,) [GeV] into Standard Model particles, at sin(theta) = 1."""

_AVERAGE = {"X Xbar": 1.0, "S S": 2.0, "chi chibar": 0.25, "N N": 0.5}
"""Sum over spins of |M(phi* -> pair)|^2 = 16 pi W/beta, twice that for identical particles, over the spin states."""

_TABLE_FROM, _TABLE_TO = 0.01, 5.13  # ends of the table of visible widths [GeV]


@dataclass(frozen=True)
class Higgses:
    """H1 and H2 as exchanged in the s channel: inverse propagators and the elements of the propagator matrix.

    m_1 [GeV]; H2 has mass and width of ``constants``.  Gamma_1 [GeV]: fixed width of H1.  With ``pairs`` their
    self-energy is added in the way ``width`` says (see `bkgen.self_energies.inverse_propagator`), and Gamma_1 is the
    width into everything else.  Where s = m_1^2 can be reached, H1 needs a width.
    Raises ValueError unless m_1 > 0, Gamma_1 >= 0 and |sin_theta| <= 1.
    """

    m_1: float
    constants: Constants
    Gamma_1: float = 0.0
    sin_theta: float = 0.0
    pairs: tuple[Pair, ...] = ()
    width: Literal["fixed", "running", "dispersive"] = "fixed"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.m_1) and self.m_1 > 0.0):
            raise ValueError(f"m_1 must be finite and positive, got {self.m_1}")
        if not (math.isfinite(self.Gamma_1) and self.Gamma_1 >= 0.0):
            raise ValueError(f"Gamma_1 must be finite and not negative, got {self.Gamma_1}")
        if not abs(self.sin_theta) <= 1.0:
            raise ValueError(f"sin_theta must be between -1 and 1, got {self.sin_theta}")

    @property
    def cos_theta(self) -> float:
        """Cosine of the mixing angle."""
        return math.sqrt((1.0 - self.sin_theta) * (1.0 + self.sin_theta))

    def D_1(self, s: FloatArray) -> ComplexArray:
        """Inverse propagator of H1 [GeV^2] at s [GeV^2] of any shape."""
        dark = inverse_propagator(s, self.m_1, self.cos_theta, self.pairs, self.width)
        return np.asarray(dark + 1j * self.m_1 * self.Gamma_1)

    def D_2(self, s: FloatArray) -> ComplexArray:
        """Inverse propagator of H2 [GeV^2] at s [GeV^2] of any shape."""
        c = self.constants
        return np.asarray(s - c.m_h**2 + 1j * c.m_h * c.Gamma_h)

    def phi_phi(self, s: FloatArray) -> ComplexArray:
        """c^2/D_1 + s^2/D_2 [GeV^-2] at s [GeV^2] of any shape."""
        return np.asarray(self.cos_theta**2 / self.D_1(s) + self.sin_theta**2 / self.D_2(s))

    def phi_h(self, s: FloatArray) -> ComplexArray:
        """s c (1/D_2 - 1/D_1) [GeV^-2] at s [GeV^2] of any shape."""
        return np.asarray(self.sin_theta * self.cos_theta * (1.0 / self.D_2(s) - 1.0 / self.D_1(s)))


def SM_width(m: float | FloatArray, constants: Constants, source: str = "Gtot") -> FloatArray:
    """Width [GeV] of a Higgs boson of mass ``m`` [GeV] of any shape into Standard Model particles, at sin(theta) = 1.

    The table of visible widths from 0.01 to 5.13 GeV (see `bkgen.widths.dark_higgs_visible_width`, also for
    ``source``), e+ e- below, leading order above: leptons, c, b, t, gluons, W W and Z Z; there it steps up by 1.6.
    W W* and Z Z* below their thresholds are left out, which matters from 100 to 180 GeV.
    Raises ValueError unless m is finite and not negative, and as `bkgen.widths.dark_higgs_visible_width`.
    """
    M = np.atleast_1d(np.asarray(m, dtype=np.float64))
    if not np.all(np.isfinite(M) & (M >= 0.0)):
        raise ValueError(f"m must be finite and not negative, got {m}")
    result = np.zeros_like(M)
    low, high = (M > 0.0) & (M < _TABLE_FROM), M > _TABLE_TO
    table = (M > 0.0) & ~low & ~high
    result[low] = widths.H1_to_ff(M[low], constants.m_e, 1.0, constants.v_EW)
    result[table] = widths.dark_higgs_visible_width(M[table], source)
    result[high] = _leading_order(M[high], constants)
    return result.reshape(np.shape(m))


def SM_thresholds(constants: Constants) -> tuple[float, ...]:
    """Masses [GeV] at which `SM_width` has a step or a threshold, ascending: where to split an integral over s."""
    c = constants
    masses = (c.m_e, c.m_mu, c.m_pi0, c.m_pip, c.m_Kp, c.m_Bp, c.m_W, c.m_Z, c.m_t)
    return tuple(sorted({_TABLE_FROM, _TABLE_TO, *(2.0 * m for m in masses)}))


def pair_to_SM(s: float | FloatArray, initial: Pair, higgses: Higgses, width: Width) -> FloatArray:
    """sigma [GeV^-2] of a dark pair into Standard Model particles through H1 and H2, at ``s`` [GeV^2] of any shape.

    initial: X Xbar, S S, chi chibar or N N of `bkgen.self_energies`; averaged over the 1, 1, 4, 4 spin states.
    width: Gamma(sqrt(s)) [GeV] at sin(theta) = 1, summed over final states, such as `SM_width`.  For X Xbar
    sigma v = (lambda_PhiX v_Phi s c)^2 |1/D_2 - 1/D_1|^2 2 sqrt(s) Gamma/s, an s wave; for chi chibar
    y^2 beta^2 (s c)^2 |1/D_2 - 1/D_1|^2 sqrt(s) Gamma, a p wave.
    Source: arXiv:2401.10112.  Raises ValueError for another pair, and as `exchange_cross_section`.
    """
    return _exchange(s, initial, higgses.phi_h, lambda x: np.sqrt(x) * width(np.sqrt(x)))


def pair_to_ff(s: float | FloatArray, initial: Pair, higgses: Higgses, m_f: float, N_c: int = 1) -> FloatArray:
    """sigma [GeV^-2] of a dark pair into f fbar through H1 and H2: `pair_to_SM` with Gamma(h -> f fbar).

    N_c: colours of f, summed.  Of the shape of s.  Raises ValueError as `pair_to_SM`.
    """
    return pair_to_SM(s, initial, higgses, lambda m: widths.H1_to_ff(m, m_f, 1.0, higgses.constants.v_EW, N_c))


def pair_to_pair(s: float | FloatArray, initial: Pair, final: Pair, higgses: Higgses) -> FloatArray:
    """sigma [GeV^-2] of a dark pair into another kind of dark pair through H1 and H2, at ``s`` [GeV^2] of any shape.

    Averages as `pair_to_SM`, 1/2 for S S, N N and Z'Z'.  X Xbar -> Z'Z' has more amplitudes, see
    `bkgen.annihilation.dark_higgs.XX_to_ZpZp`.
    Raises ValueError for a pair into itself, which has more amplitudes too, and as `pair_to_SM`.
    """
    if initial.name == final.name:
        raise ValueError(f"{initial.name} scatters into itself, it does not annihilate")
    return _exchange(s, initial, higgses.phi_phi, final.W)


def singlet_to_SM(
    s: float | FloatArray,
    m_S: float,
    lambda_S: float,
    constants: Constants,
    width: Width,
    propagator: Literal["full", "contact"] = "full",
) -> FloatArray:
    """sigma [GeV^-2] of S S -> h* -> Standard Model for the real singlet, L = -lambda_S v h S^2, at ``s`` of any shape.

    sigma v = 8 (lambda_S v)^2 |s - m_h^2 + i m_h Gamma_h|^-2 Gamma(sqrt(s))/sqrt(s), an s wave; ``contact``:
    1/m_h^4, as in the papers.  No spin average, no factor for the identical S.  width: as in `pair_to_SM`.
    Source: Bird et al., hep-ph/0401195.  Raises ValueError as `exchange_cross_section`.
    """
    m_h, Gamma_h = constants.m_h, constants.Gamma_h

    def squared(x: FloatArray) -> FloatArray:
        D = np.full_like(x, m_h**2) if propagator == "contact" else x - m_h**2 + 1j * m_h * Gamma_h
        return np.asarray((2.0 * lambda_S * constants.v_EW) ** 2 / np.abs(D) ** 2)

    return exchange_cross_section(s, m_S, squared, lambda x: np.sqrt(x) * width(np.sqrt(x)))


def _exchange(
    s: float | FloatArray,
    initial: Pair,
    propagator: Callable[[FloatArray], ComplexArray],
    W: Callable[[FloatArray], FloatArray],
) -> FloatArray:
    if initial.name not in _AVERAGE:
        raise ValueError(f"{initial.name} is not dark matter; allowed: {', '.join(_AVERAGE)}")
    checked_s(s)

    def squared(x: FloatArray) -> FloatArray:
        above, W_over_beta = x - initial.threshold, np.zeros_like(x)
        for coefficient in reversed(initial.w):
            W_over_beta = W_over_beta * above + coefficient
        return np.asarray(_AVERAGE[initial.name] * 16.0 * math.pi * W_over_beta * np.abs(propagator(x)) ** 2)

    return exchange_cross_section(s, initial.m, squared, W)


def _leading_order(m: FloatArray, c: Constants) -> FloatArray:
    """Leading-order width above the table."""
    v = c.v_EW
    fermions = (c.m_mu, 1), (c.m_tau, 1), (c.m_c, 3), (c.m_t, 3)
    total = sum((widths.H1_to_ff(m, m_f, 1.0, v, N_c) for m_f, N_c in fermions), start=np.zeros_like(m))
    total = total + 2.0 * widths.H1_to_ZpZp(m, c.m_W, v, 1.0) + widths.H1_to_ZpZp(m, c.m_Z, v, 1.0)
    return np.asarray(total + widths.H1_to_gg(m, 1.0, c) + widths.H1_to_bb(m, 1.0, c))
