"""Off-shell self-energy of the dark scalar phi from pairs of dark particles, in closed form.

A pair couples to phi only (phi = c H1 + s H2).  Its absorptive part is a polynomial times the velocity,

    W(q2) = sqrt(q2) Gamma(phi* -> pair) = beta(q2) sum_k w_k (q2 - 4 m^2)^k,    w_k of dimension GeV^(2 - 2k),

so its self-energy is the same polynomial times B0/pi, B0 = B0(q2; m, m).  Signs: the inverse propagator is

    D(q2) = q2 - m_1^2 + c^2 Pi(q2),    Im Pi = +W,    Re Pi(q2) = (1/pi) P int ds W(s)/(s - q2) + polynomial,

and the polynomial, of the degree n of W/beta, is fixed on shell: Re Pi and its first n derivatives vanish at
q2 = m_1^2.  n = 0 (scalars, one subtraction) fixes the mass; n = 1 (fermions, two) also the normalisation of the
field; n = 2 (Z'Z', three) also the coefficient of q2^2, which no renormalisable term can: another choice adds a
multiple of (q2 - m_1^2)^2/(32 pi^2 v_Phi^2).  Above threshold the conditions are on the real part only; just below it
the derivatives of B0 are large, and with them the third subtraction.

Source: widths of arXiv:2401.10112; B0 as in A. Denner, arXiv:0709.1075.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .kinematics import FloatArray

ComplexArray = NDArray[np.complex128]

_EXPAND_BELOW = 0.5  # q2/m^2 under which derivatives of B0 come from its series


@dataclass(frozen=True)
class Pair:
    """Two particles of mass ``m`` [GeV] coupled to phi, with W(q2) = beta sum_k w_k (q2 - 4 m^2)^k [GeV^2].

    w: (w_0, ..., w_n), n at most 2.  invisible: probability that a real pair leaves no trace.
    Raises ValueError for a mass that is negative or not finite, and unless w has one to three finite numbers.
    """

    name: str
    m: float
    w: tuple[float, ...]
    invisible: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.m) and self.m >= 0.0):
            raise ValueError(f"{self.name}: the mass must be finite and not negative, got {self.m}")
        if not (1 <= len(self.w) <= 3 and all(map(math.isfinite, self.w))):
            raise ValueError(f"{self.name}: w must be one to three finite numbers, got {self.w}")
        if not 0.0 <= self.invisible <= 1.0:
            raise ValueError(f"{self.name}: invisible must be a probability, got {self.invisible}")

    @property
    def threshold(self) -> float:
        """4 m^2 [GeV^2]."""
        return 4.0 * self.m**2

    def W(self, q2: float | FloatArray) -> FloatArray:
        """sqrt(q2) Gamma(phi* -> pair) [GeV^2] at ``q2`` [GeV^2] of any shape; 0 below threshold."""
        s = np.asarray(q2, dtype=np.float64)
        return _velocity(s, self.threshold) * self._polynomial(s)

    def width(self, m: float, projection: float) -> float:
        """Width projection^2 W(m^2)/m [GeV] of a scalar of mass ``m``; projection: cos for H1, sin for H2.

        Raises ValueError unless m > 0.
        """
        _require_mass(m)
        return projection**2 * float(self.W(m**2)) / m

    def Pi(self, q2: float | FloatArray, m_1: float) -> ComplexArray:
        """Self-energy [GeV^2] at ``q2`` [GeV^2] of any shape and sign, renormalised on shell at ``m_1`` [GeV].

        Raises ValueError unless m_1 > 0, and for Z'Z' at m_1 = 2 m, where the derivative of B0 diverges.
        """
        _require_mass(m_1)
        s = np.asarray(q2, dtype=np.float64)
        bare = _times(self._polynomial(s), Re_B0(s, self.m))
        return (bare - self._on_shell_terms(s, m_1)) / math.pi + 1j * self.W(s)

    def _polynomial(self, s: FloatArray) -> FloatArray:
        above = s - self.threshold
        total = np.full_like(s, self.w[-1])
        for coefficient in self.w[-2::-1]:
            total = total * above + coefficient
        return total

    def _on_shell_terms(self, s: FloatArray, m_1: float) -> FloatArray:
        """Taylor polynomial of degree n of (sum_k w_k (s - 4 m^2)^k) Re B0(s) at s = m_1^2."""
        s_1 = m_1**2
        above = s_1 - self.threshold
        b = float(Re_B0(s_1, self.m))
        w_0, w_1, w_2 = (*self.w, 0.0, 0.0)[:3]
        P, dP, ddP = w_0 + above * (w_1 + above * w_2), w_1 + 2.0 * above * w_2, 2.0 * w_2
        step = s - s_1
        if len(self.w) == 1:
            return np.full_like(s, P * b)
        if above == 0.0 and (w_0 != 0.0 or w_2 != 0.0):
            raise ValueError(f"{self.name}: m_1 = {m_1} GeV is exactly at the threshold 2 m: dPi/dq2 diverges there")
        db, ddb = (0.0, 0.0) if above == 0.0 else _B0_derivatives(s_1, self.m)
        linear = P * b + (dP * b + P * db) * step
        if len(self.w) == 2:
            return linear
        return linear + 0.5 * (ddP * b + 2.0 * dP * db + P * ddb) * step * step


def XX(m_X: float, lambda_PhiX: float, v_Phi: float) -> Pair:
    """Complex scalars, L = -lambda_PhiX v_Phi phi |X|^2: W = (lambda_PhiX v_Phi)^2 beta/(16 pi) [GeV^2]."""
    return Pair("X Xbar", m_X, ((lambda_PhiX * v_Phi) ** 2 / (16.0 * math.pi),))


def SS(m_S: float, mu_S: float) -> Pair:
    """Real scalars, L = -mu_S phi S^2: W = (2 mu_S)^2 beta/(32 pi) [GeV^2]."""
    return Pair("S S", m_S, ((2.0 * mu_S) ** 2 / (32.0 * math.pi),))


def chichi(m_chi: float, y_chi: float) -> Pair:
    """Dirac fermions, L = -y_chi phi chibar chi: W = y_chi^2 q2 beta^3/(8 pi) [GeV^2]."""
    return Pair("chi chibar", m_chi, (0.0, y_chi**2 / (8.0 * math.pi)))


def NN(m_N: float, y_N: float) -> Pair:
    """Majorana fermions, L = -(y_N/2) phi Nbar^c N: half of the Dirac W [GeV^2]."""
    return Pair("N N", m_N, (0.0, y_N**2 / (16.0 * math.pi)))


def ZpZp(m_Zp: float, v_Phi: float, invisible: float = 1.0) -> Pair:
    """Z' bosons: W = q2^2/(32 pi v_Phi^2) beta (1 - 4 x + 12 x^2), x = m_Zp^2/q2, in GeV^2.

    m_Zp, v_Phi: [GeV].  Raises ValueError unless v_Phi > 0.
    """
    if not v_Phi > 0.0:
        raise ValueError(f"v_Phi must be positive, got {v_Phi}")
    scale = 1.0 / (32.0 * math.pi * v_Phi**2)
    return Pair("Zp Zp", m_Zp, (12.0 * m_Zp**4 * scale, 4.0 * m_Zp**2 * scale, scale), invisible)


def W(q2: float | FloatArray, pairs: Sequence[Pair]) -> FloatArray:
    """Sum over ``pairs`` of sqrt(q2) Gamma(phi* -> pair) [GeV^2] at ``q2`` [GeV^2] of any shape."""
    s = np.asarray(q2, dtype=np.float64)
    total = np.zeros_like(s)
    for pair in pairs:
        total = total + pair.W(s)
    return total


def Pi(q2: float | FloatArray, m_1: float, pairs: Sequence[Pair]) -> ComplexArray:
    """Sum of the self-energies of ``pairs`` [GeV^2] at ``q2`` [GeV^2] of any shape and sign; see ``Pair.Pi``."""
    s = np.asarray(q2, dtype=np.float64)
    total = np.zeros_like(s, dtype=np.complex128)
    for pair in pairs:
        total = total + pair.Pi(s, m_1)
    return total


def inverse_propagator(
    q2: float | FloatArray,
    m_1: float,
    cos_theta: float,
    pairs: Sequence[Pair],
    width: Literal["fixed", "running", "dispersive"] = "dispersive",
) -> ComplexArray:
    """D(q2) = q2 - m_1^2 + self-energy of H1 [GeV^2] at ``q2`` [GeV^2] of any shape.

    fixed: i m_1 Gamma_1; running: i c^2 W(q2); dispersive: c^2 Pi(q2).  Visible decays are not included: add
    i sqrt(q2) sin^2(theta) Gamma_visible.
    """
    s = np.asarray(q2, dtype=np.float64)
    free = s - m_1**2
    if width == "dispersive":
        return free + cos_theta**2 * Pi(s, m_1, pairs)
    absorptive = W(m_1**2 if width == "fixed" else s, pairs)
    return free + 1j * cos_theta**2 * absorptive


def tachyon(m_1: float, cos_theta: float, pairs: Sequence[Pair]) -> bool:
    """Whether D(0) > 0: with D < 0 at large negative q2 there is then a pole at q2 < 0, and no prediction.

    For scalar pairs D rises monotonically below threshold, so this is the exact condition: it reads, for one light
    pair, Gamma_1/m_1 > pi/[ln(m_1^2/m^2) - 2].  The zero that logarithms of fermion pairs make at
    |q2| of order m_1^2 exp(8 pi^2/y^2) is not counted.
    """
    return bool(inverse_propagator(0.0, m_1, cos_theta, pairs).real > 0.0)


def pole_below_threshold(m_1: float, cos_theta: float, pairs: Sequence[Pair]) -> bool:
    """Whether D > 0 at the lowest threshold although m_1 is above it: strong attraction has made another pole.

    The pole is a bound pair if D(0) < 0, a tachyon if not.  For one light scalar pair: Gamma_1/m_1 > pi/ln(m_1^2/m^2).
    False without pairs, and where m_1 [GeV] itself is below the lowest threshold.
    """
    if not pairs:
        return False
    lowest = min(pair.threshold for pair in pairs)
    return m_1**2 > lowest and bool(inverse_propagator(lowest, m_1, cos_theta, pairs).real > 0.0)


def Re_B0(q2: float | FloatArray, m: float) -> FloatArray:
    """Re [B0(q2; m, m) - B0(0; m, m)] at ``q2`` [GeV^2] of any shape and sign; 2 - ln|q2/GeV^2| for m = 0.

    2 - beta ln[(1 + beta)/(1 - beta)] above threshold, 2 - 2 t arctan(1/t) with t^2 = 4 m^2/q2 - 1 below it,
    2 - beta ln[(beta + 1)/(beta - 1)] for q2 < 0.  Im B0 = pi beta.
    """
    s = np.asarray(q2, dtype=np.float64)
    if m == 0.0:
        with np.errstate(divide="ignore"):
            return np.asarray(2.0 - np.log(np.abs(s)))
    r = np.atleast_1d(s / (4.0 * m**2))
    b = 2.0 * r / 3.0
    negative, between, above = r < -1e-12, (r > 1e-12) & (r < 1.0), r >= 1.0
    # log1p of a sum of positive terms keeps its digits both for beta -> 1 and at threshold.
    v, x = np.sqrt(1.0 - 1.0 / r[negative]), r[negative]
    b[negative] = 2.0 - v * np.log1p(-2.0 * (1.0 + v) * x)
    t = np.sqrt(1.0 / r[between] - 1.0)
    b[between] = 2.0 - 2.0 * t * np.arctan2(1.0, t)
    v, x = np.sqrt(1.0 - 1.0 / r[above]), r[above]
    b[above] = 2.0 - v * np.log1p(2.0 * v * (1.0 + v) * x)
    return b.reshape(s.shape)


def _B0_derivatives(s: float, m: float) -> tuple[float, float]:
    """First and second derivative of Re B0 at s > 0, not at threshold [GeV^-2, GeV^-4].

    s B0' = -1 - g, s B0'' = -B0' - g', with g = 2 m^2 (2 - B0)/(s - 4 m^2).
    """
    if s < _EXPAND_BELOW * m**2:
        # B0 = sum_k (k!)^2/[k (2k + 1)!] (s/m^2)^k, where the closed forms cancel.
        series = [math.factorial(k) ** 2 / (k * math.factorial(2 * k + 1)) for k in range(1, 20)]
        B0 = np.polynomial.Polynomial([0.0, *series])
        return float(B0.deriv(1)(s / m**2)) / m**2, float(B0.deriv(2)(s / m**2)) / m**4
    above = s - 4.0 * m**2
    g = 2.0 * m**2 * (2.0 - float(Re_B0(s, m))) / above
    first = -(1.0 + g) / s
    slope_of_g = -(2.0 * m**2 * first + g) / above
    return first, -(first + slope_of_g) / s


def _velocity(s: FloatArray, threshold: float) -> FloatArray:
    """beta at s, 0 at and below threshold."""
    opened = s > max(threshold, 0.0)
    return np.sqrt(np.where(opened, (s - threshold) / np.where(opened, s, 1.0), 0.0))


def _times(P: FloatArray, b: FloatArray) -> FloatArray:
    """P b, and 0 where a zero of P meets the logarithm of a massless pair at q2 = 0."""
    return np.asarray(np.where(P == 0.0, 0.0, P) * np.where(P == 0.0, 0.0, b))


def _require_mass(m: float) -> None:
    if not (math.isfinite(m) and m > 0.0):
        raise ValueError(f"the scalar mass must be finite and positive, got {m}")
