"""Couplings of a massive dark photon X to the Standard Model, and what they mean for hadrons and for B -> K mu mu.

L = [e eps J_em + (g/2 c_W) eps_Z J_NC].X with J_NC = (T3 - 2 Q s_W^2) V - T3 A, and g_bs X_mu sbar gamma^mu P_L b.
eps is the kinetic mixing with the photon, eps_Z the mixing with the Z; masses in GeV, couplings are plain numbers.
Source: arXiv:2502.04900, with the corrections listed in the documentation (errata).
"""

from __future__ import annotations

import csv
import math
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .constants import Constants, data_path
from .errors import InputError, Problem
from .kinematics import FloatArray
from .loops import C_0, Z_0
from .widths import X_to_psipsi

G_BS_OVER_EPS_PAPER = 2.44e-4
"""|g_bs|/eps of arXiv:2502.04900, which prints 2.44e-6; its figures and the couplings it quotes need 1e-4."""

_MODEL_BELOW = 1.6  # GeV, where the fit of exclusive channels is used in place of the measured R


# --- Mixing with the Z ----------------------------------------------------------------------------


def tan_theta_W(constants: Constants) -> float:
    """Tangent of the weak mixing angle."""
    return math.sqrt(constants.s2w / (1.0 - constants.s2w))


def eps_Z_kinetic(eps: float, m_X: float, constants: Constants) -> float:
    """eps_Z = eps t_W m_X^2/(m_Z^2 - m_X^2) of kinetic mixing with the hypercharge boson, at m_X [GeV].

    Source: equation of motion of the Z at q2 = m_X^2, equal to the exact diagonalisation to first order in eps.
    Raises ValueError unless m_X < m_Z.
    """
    m_Z = constants.m_Z
    if not m_X < m_Z:
        raise ValueError(f"m_X must be below m_Z, got {m_X}")
    return eps * tan_theta_W(constants) * m_X**2 / ((m_Z - m_X) * (m_Z + m_X))


def eps_Z_mass_mixing(delta: float, m_X: float, constants: Constants) -> float:
    """eps_Z = (m_X/m_Z) delta of a mass mixing delta with the Z, at m_X [GeV].  Source: arXiv:1203.2947."""
    return m_X / constants.m_Z * delta


def eps_Z_of_preprint(eps: float, constants: Constants) -> float:
    """eps_Z = eps t_W as printed in arXiv:2502.04900v1: 2000 times too large at 2 GeV, it does not vanish with m_X."""
    return eps * tan_theta_W(constants)


# --- Couplings to fermions ------------------------------------------------------------------------


def X_couplings(
    Q: float, T_3: float, eps: float, eps_Z: float, alpha: float, constants: Constants
) -> tuple[float, float]:
    """(g_V, g_A) of X_mu fbar gamma^mu (g_V + g_A gamma5) f for a fermion of charge Q and weak isospin T_3.

    g_V = e eps Q + (g/2 c_W) eps_Z (T_3 - 2 Q s_W^2), g_A = -(g/2 c_W) eps_Z T_3, with e^2 = 4 pi alpha, g = e/s_W.
    Source: arXiv:2502.04900 eqs. (34), (51).
    """
    s2w = constants.s2w
    e = math.sqrt(4.0 * math.pi * alpha)
    neutral = e / (2.0 * math.sqrt(s2w * (1.0 - s2w))) * eps_Z
    return e * eps * Q + neutral * (T_3 - 2.0 * Q * s2w), -neutral * T_3


def g_bs_over_eps_Z(constants: Constants) -> float:
    """g_bs/eps_Z = g^3/(8 pi^2 c_W) |VtbVts| C_0(x_t) of the Z penguin, with alpha(m_Z).

    The size depends on how the mass mixing arises (charged Higgs bosons), by a factor of order 1, and the photon
    penguin is left out, which needs eps_Z much larger than `eps_Z_kinetic`.
    Source: arXiv:2502.04900 eq. (41) with x_t/(1 - x_t)^2 for the printed x_t/(1 - x_t).
    """
    c = constants
    g = math.sqrt(4.0 * math.pi * c.alpha_MZ / c.s2w)
    return g**3 / (8.0 * math.pi**2 * math.sqrt(1.0 - c.s2w)) * c.VtbVts * C_0(_x_t(c))


def g_bs_over_eps_Z_of_paper(constants: Constants) -> float:
    """g_bs/eps_Z with which eps_Z = eps t_W gives the |g_bs| = 2.44e-4 eps of arXiv:2502.04900."""
    return G_BS_OVER_EPS_PAPER / tan_theta_W(constants)


def g_bs_kinetic(eps: float, m_X: float, constants: Constants) -> float:
    """g_bs = eps e m_X^2 |VtbVts| (G_F/sqrt(2))/pi^2 Z_0(x_t) of pure kinetic mixing at lowest order, alpha(m_Z).

    m_X [GeV].  Z_0 = C_0 + D_0/4 is Z and photon penguin of the top quark together.  QCD logarithms and charm, which
    are left out, reduce it to about 0 +- 0.1: an indication of the size, not a prediction.
    """
    c = constants
    e = math.sqrt(4.0 * math.pi * c.alpha_MZ)
    return eps * e * m_X**2 * c.VtbVts * c.G_F / (math.sqrt(2.0) * math.pi**2) * Z_0(_x_t(c))


def _x_t(constants: Constants) -> float:
    return (constants.m_t / constants.m_W) ** 2


# --- Hadrons --------------------------------------------------------------------------------------


class RRatio(NamedTuple):
    """R = Gamma(X -> hadrons)/Gamma(X -> mu+ mu-) at masses m (n,) [GeV], increasing; strictly for eps alone."""

    m: FloatArray
    R: FloatArray

    @classmethod
    def constant(cls, R: float) -> RRatio:
        """One value for all masses above two pions."""
        return cls(np.array([0.0, math.inf]), np.array([R, R]))

    def at(self, m_X: FloatArray, m_pi: float) -> FloatArray:
        """R at m_X (n,) [GeV], linear between the masses of the table and down to 0 at two pions, 0 below.

        Raises ValueError above the table.
        """
        if np.any(m_X > self.m[-1]):
            raise ValueError(f"the table of R ends at {self.m[-1]:g} GeV")
        threshold, m, R = 2.0 * m_pi, self.m, self.R
        if m[0] > threshold:
            m, R = np.concatenate([[threshold], m]), np.concatenate([[0.0], R])
        return np.where(m_X > threshold, np.interp(m_X, m, R), 0.0)


@cache
def shipped_r_ratio() -> RRatio:
    """The table of bkgen: a fit of exclusive channels below 1.6 GeV, measured values above; without J/psi and psi(2S).

    Sources: PDG, PTEP 2020 (2020) 083C01; arXiv:2201.01788; see SOURCE.toml.
    """
    with data_path("r_ratio", "r_ratio.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(line for line in stream if not line.startswith("#")))
    values = [(float(row["m"]), float(row["R_model" if float(row["m"]) < _MODEL_BELOW else "R"])) for row in rows]
    m, R = np.array(values).T
    return RRatio(m, R)


def read_r_ratio(path: str) -> RRatio:
    """Read a CSV table of R: columns m [GeV] and R, lines that start with # are comments.

    Raises InputError for a file that is missing, not numeric, not increasing in m, or has negative values.
    """

    def refuse(message: str) -> InputError:
        return InputError(Problem(("r_ratio",), message, path))

    if not Path(path).is_file():
        raise refuse("no such file")
    try:
        table = np.loadtxt(path, delimiter=",", comments="#", ndmin=2)
    except ValueError as error:
        raise refuse(f"not a table of numbers: {error}") from None
    if table.shape[0] < 2 or table.shape[1] != 2:
        raise refuse("needs at least two rows of m, R")
    if not np.all(np.isfinite(table)) or np.any(table < 0.0):
        raise refuse("all values must be finite and not negative")
    if not np.all(np.diff(table[:, 0]) > 0.0):
        raise refuse("m must increase from row to row")
    return RRatio(table[:, 0], table[:, 1])


# --- B -> K mu mu ---------------------------------------------------------------------------------


def smallest_alpha_X(
    limit: float, BR_B_to_K_X: float, Gamma_mumu: float, Gamma_SM: float, m_X: float, m_psi: float
) -> float:
    """Smallest alpha_X with BR(B -> K X) BR(X -> mu+ mu-) <= limit, 0 if the limit holds without dark matter.

    (BR(B -> K X) Gamma_mumu/limit - Gamma_SM)/(m_X beta^3/6), Gamma_SM the width of X without psi psi [GeV].
    Raises ValueError if psi psi is closed.  Source: arXiv:2502.04900 sec. III C, limit 3.6e-9 at m_X = 2 GeV.
    """
    per_alpha_X = X_to_psipsi(m_X, m_psi, 1.0)
    if per_alpha_X == 0.0:
        raise ValueError(f"X -> psi psi is closed for m_X = {m_X}, m_psi = {m_psi}")
    return max(BR_B_to_K_X * Gamma_mumu / limit - Gamma_SM, 0.0) / per_alpha_X
