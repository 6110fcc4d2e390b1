"""A massive dark photon X with Majorana dark matter psi, in B -> K(*) X(-> psi psi)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np

from .. import dark_observables, direct_detection, widths
from .. import dark_photon_couplings as couplings
from ..annihilation.dark_photon import psipsi_to_phiphi
from ..channels import CHANNELS, Channel
from ..currents import hadron
from ..dark_matter import AnnihilationChannel, DarkMatter, DecayMode, FreezeOut, Widths
from ..dark_photon_couplings import RRatio
from ..errors import InputError, Problem
from ..formfactors import Inputs
from ..kinematics import FloatArray
from ..observables import Observable
from ..pair import FermionCouplings, fermion_pair
from ..results import Quantity
from ..spectrum import Array, Spectrum, integrated, isotropic, longitudinal, transverse
from .base import Model, parameter

_X, _PSI = 55, 52  # PDG codes of a spin-1 mediator and of spin-1/2 dark matter
_NEUTRINOS = {"nu_e nu_e~": 12, "nu_mu nu_mu~": 14, "nu_tau nu_tau~": 16}
_LEPTONS = {"e+ e-": "m_e", "mu+ mu-": "m_mu", "tau+ tau-": "m_tau"}
_DARK = "psi psi"

_Z_PENGUIN_FROM, _Z_PENGUIN_WELL = 3.0, 30.0  # eps_Z over that of kinetic mixing: g_bs to O(30%), to a few percent
_BROAD, _NO_PARTICLE = 0.1, 1.0  # Gamma_X/m_X above which a warning is due, and the model has no meaning
_NARROWEST = 1e-9  # Gamma_X/m_X down to which a Breit-Wigner can be tabulated
_ASYMMETRY = 1e-3  # neutrino share from which a missing forward-backward asymmetry is worth a warning
_NARROW_HADRONS = {"J/psi": 3.0969, "psi(2S)": 3.6861}  # GeV, PDG 2024; not in the table of R
_NEAR = 0.02  # GeV


class DarkPhoton(Model):
    """Massive dark photon X, mixed with photon (eps) and Z (eps_Z), that decays to Majorana dark matter psi psi.

    L = [e eps J_em + (g/2 c_W) eps_Z J_NC + g_bs sbar gamma P_L b + (1/2) g_X psibar gamma gamma5 psi].X + h.c.,
    with alpha_X = g_X^2/(4 pi), eps_Z = eps t_W m_X^2/(m_Z^2 - m_X^2) + (m_X/m_Z) delta and g_bs = kappa_bs eps_Z.
    X also decays to neutrinos (invisible), charged leptons and hadrons.
    Source: arXiv:2502.04900 eqs. (34)-(46), with the corrections listed in the documentation (errata).
    """

    channels: ClassVar[tuple[str, ...]] = tuple(CHANNELS)
    mediator: ClassVar[str] = "X"

    name: Literal["dark_photon"]
    m_X: float = parameter("mass of X", unit="GeV", ge=1e-6, lt=10)
    alpha_X: float = parameter("dark coupling g_X^2/(4 pi)", gt=0)
    m_psi: float = parameter("mass of psi", unit="GeV", gt=0)
    eps: float = parameter("kinetic mixing with the photon", default=0.0)
    delta: float = parameter("mass mixing with the Z", default=0.0)
    eps_Z: float | None = parameter("mixing with the Z, in place of delta (default: from eps and delta)", default=None)
    epsZ_mode: Literal["exact", "v1"] = parameter(
        "v1: eps_Z = eps t_W from kinetic mixing as in arXiv:2502.04900v1, 2000 times too large",
        unit="",
        default="exact",
    )
    kappa_bs: float | Literal["C0", "paper", "LO-Z0"] | None = parameter(
        "g_bs/eps_Z, or C0: Z penguin (default), paper: 2.44e-4/t_W, LO-Z0: both penguins, for pure kinetic mixing",
        default=None,
    )
    g_bs: float | None = parameter("coupling to sbar gamma^mu P_L b, in place of kappa_bs", default=None)
    m_phi: float | None = parameter(
        "mass of the dark Higgs phi; for the relic density, required there, not used in B decays",
        unit="GeV",
        gt=0,
        default=None,
    )
    trilinear: bool = parameter("relic density: phi in the s channel too, which the paper omits", default=False)
    sin_theta: float | None = parameter(
        "mixing of phi with the Higgs boson, needs m_phi; for limits on phi and psi, not used in B decays",
        gt=0,
        lt=1,
        default=None,
    )
    lineshape: Literal["narrow", "BW", "BWrun"] = parameter(
        "narrow: a line in q2; BW, BWrun: psi psi through a resonance of fixed or running width",
        unit="",
        default="narrow",
    )
    r_ratio: float | str | None = parameter(
        "R = Gamma(hadrons)/Gamma(mu mu): a number or a CSV file of m, R (default: shipped table)", default=None
    )

    # --- couplings

    def mixing(self, inputs: Inputs) -> float:
        """Mixing eps_Z with the Z: as given, or from eps and delta."""
        c = inputs.constants
        if self.eps_Z is not None:
            return self.eps_Z
        mass_mixing = couplings.eps_Z_mass_mixing(self.delta, self.m_X, c)
        if self.epsZ_mode == "v1":
            return couplings.eps_Z_of_preprint(self.eps, c) + mass_mixing
        return couplings.eps_Z_kinetic(self.eps, self.m_X, c) + mass_mixing

    def production(self, inputs: Inputs) -> float:
        """Coupling g_bs: as given, or from the mixing."""
        c, kappa = inputs.constants, self.kappa_bs
        if self.g_bs is not None:
            return self.g_bs
        if kappa == "LO-Z0":
            return couplings.g_bs_kinetic(self.eps, self.m_X, c)
        if kappa == "paper":
            kappa = couplings.g_bs_over_eps_Z_of_paper(c)
        elif kappa is None or kappa == "C0":
            kappa = couplings.g_bs_over_eps_Z(c)
        return float(kappa) * self.mixing(inputs)

    def _over_kinetic(self, inputs: Inputs) -> float:
        """|eps_Z| over that of kinetic mixing alone, at which the photon penguin is as large as that of the Z."""
        kinetic = couplings.eps_Z_kinetic(self.eps, self.m_X, inputs.constants)
        return abs(self.mixing(inputs) / kinetic) if kinetic else math.inf

    # --- what is refused, and what is doubtful

    @property
    def tables(self) -> tuple[str, ...]:
        """Widths to hadrons from the shipped R, unless the card has its own."""
        return ("r_ratio",) if self.r_ratio is None else ()

    def check(self, channel: Channel, inputs: Inputs) -> Iterator[Problem]:
        """Alternatives, thresholds, the range of g_bs, of the table of R and of the lineshape, a rate."""
        yield from super().check(channel, inputs)
        problems = [
            *self._check_couplings(inputs),
            *self._check_dark_higgs(),
            *self._check_masses(channel, inputs),
            *self._check_R(channel, inputs),
        ]
        yield from problems
        if not problems:
            yield from self._check_width(channel, inputs)

    def _check_couplings(self, inputs: Inputs) -> Iterator[Problem]:
        if self.eps_Z is not None and self.delta:
            yield Problem(("eps_Z",), "replaces delta: remove one of the two", self.eps_Z)
        if self.eps_Z is not None and self.epsZ_mode == "v1":
            yield Problem(("epsZ_mode",), "says how eps_Z follows from eps: remove it or eps_Z", self.epsZ_mode)
        if self.g_bs is not None:
            if self.kappa_bs is not None:
                yield Problem(("g_bs",), "replaces kappa_bs: remove one of the two", self.g_bs)
            if self.g_bs == 0.0:
                yield Problem(("g_bs",), "must not be zero", self.g_bs)
        elif not self.eps and not self.mixing(inputs):
            yield Problem((), "at least one coupling is required: eps, delta, eps_Z, g_bs")
        elif self.kappa_bs == 0.0:
            yield Problem(("kappa_bs",), "must not be zero", self.kappa_bs)
        elif self.kappa_bs == "LO-Z0":
            if self.delta or self.eps_Z is not None or self.epsZ_mode == "v1":
                message = "is for pure kinetic mixing: remove delta, eps_Z and epsZ_mode, or use C0"
                yield Problem(("kappa_bs",), message, self.kappa_bs)
        elif not isinstance(self.kappa_bs, float) and self._over_kinetic(inputs) < _Z_PENGUIN_FROM:
            yield Problem(
                ("kappa_bs",),
                f"needs eps_Z much larger than eps t_W m_X^2/m_Z^2, at {self._over_kinetic(inputs):.3g} times that the "
                "photon penguin is as large as that of the Z: give delta or eps_Z, or g_bs, or a number for kappa_bs, "
                "or LO-Z0 (pure kinetic mixing, indicative)",
                self.kappa_bs or "C0",
            )

    def _check_dark_higgs(self) -> Iterator[Problem]:
        if self.sin_theta is not None and self.m_phi is None:
            yield Problem(("sin_theta",), "is the mixing of phi: give m_phi too", self.sin_theta)

    def _check_masses(self, channel: Channel, inputs: Inputs) -> Iterator[Problem]:
        limit = channel.m_B(inputs.constants) - channel.m_H(inputs.constants)
        if self.lineshape == "narrow" and self.m_X >= limit:
            message = f"must be below m_B - m_hadron = {limit:.5f} GeV in {channel.name} with lineshape: narrow"
            yield Problem(("m_X",), message, self.m_X)
        if self.lineshape != "narrow" and 2.0 * self.m_psi >= limit:
            message = f"must be below (m_B - m_hadron)/2 = {0.5 * limit:.5f} GeV in {channel.name}"
            yield Problem(("m_psi",), message, self.m_psi)

    def _check_R(self, channel: Channel, inputs: Inputs) -> Iterator[Problem]:
        if isinstance(self.r_ratio, float) and self.r_ratio < 0.0:
            yield Problem(("r_ratio",), "must not be negative", self.r_ratio)
            return
        try:
            end = self._R().m[-1]
        except InputError as error:
            yield from (problem for problem in error.problems if isinstance(problem, Problem))
            return
        needed = self.m_X
        if self.lineshape == "BWrun":
            needed = max(needed, channel.m_B(inputs.constants) - channel.m_H(inputs.constants))
        if needed > end:
            message = f"ends at {end:g} GeV, needed up to {needed:g} GeV: give a number or a longer table"
            yield Problem(("r_ratio",), message, self.r_ratio or "the shipped table")

    def _check_width(self, channel: Channel, inputs: Inputs) -> Iterator[Problem]:
        relative = self.widths(inputs).total / self.m_X
        if relative > _NO_PARTICLE:
            yield Problem(("alpha_X",), f"Gamma_X = {relative:.3g} m_X: X is no particle", self.alpha_X)
        elif self.lineshape != "narrow" and relative < _NARROWEST and self._peaks(channel, inputs):
            message = f"Gamma_X = {relative:.3g} m_X cannot be resolved in q2: use narrow"
            yield Problem(("lineshape",), message, self.lineshape)
        elif channel.name in self.channels:
            with np.errstate(over="ignore", invalid="ignore"):
                rate = self._scale_of_rate(channel, inputs)
            if not 0.0 < rate < math.inf:
                yield Problem((), f"these couplings give no finite rate in {channel.name}")

    def warnings(self, channel: Channel, inputs: Inputs) -> Iterator[str]:
        """Couplings outside their range, a broad X, closed or missing decays."""
        yield from self._coupling_warnings(inputs)
        w = self.widths(inputs)
        if w.total > _BROAD * self.m_X:
            yield f"Gamma_X = {w.total / self.m_X:.3g} m_X: the shape of so broad a resonance is uncertain"
        if _DARK not in w.partial:
            yield f"X -> psi psi is closed: m_X = {self.m_X} GeV is not above 2 m_psi"
        for name, mass in _NARROW_HADRONS.items():
            if self.r_ratio is None and abs(self.m_X - mass) < _NEAR:
                yield f"m_X = {self.m_X} GeV: the {name} is not in the table of R, hadronic widths are not reliable"
        dark, neutrinos = self._share(w, _DARK), sum(self._share(w, name) for name in _NEUTRINOS)
        if self.lineshape != "narrow" and _DARK in w.partial and 1.0 - dark > _ASYMMETRY:
            yield f"lineshape {self.lineshape} is psi psi alone: other decays, {1.0 - dark:.3g} of all X, are left out"
        if self.lineshape == "narrow" and channel.spin == 1 and dark > 0.0 and neutrinos > _ASYMMETRY:
            yield f"nu nu~ pairs ({neutrinos:.3g} of all X) have the angles of psi psi: J5, J6s and J7 are set to 0"

    def _coupling_warnings(self, inputs: Inputs) -> Iterator[str]:
        if self.epsZ_mode == "v1":
            yield "epsZ_mode: v1 (arXiv:2502.04900v1) is 2000 times too large at 2 GeV, to reproduce its figures only"
        if self.g_bs is not None:
            return
        if self.kappa_bs == "LO-Z0":
            yield "kappa_bs: LO-Z0 is indicative: QCD logarithms and charm reduce its 0.7 to about 0 +- 0.1"
            return
        if self.kappa_bs == "paper":
            yield "kappa_bs: paper is 3.2 times larger than C0 and reproduces figures of arXiv:2502.04900 only"
        ratio = self._over_kinetic(inputs)
        if ratio < _Z_PENGUIN_WELL:
            yield f"eps_Z is {ratio:.3g} times that of kinetic mixing: the photon penguin is not negligible in g_bs"

    # --- rates

    def _scale_of_rate(self, channel: Channel, inputs: Inputs) -> float:
        """Width of the line [GeV], or the density in the middle of the range of q2 [GeV^-1]."""
        if self.lineshape == "narrow":
            return self.two_body_width(self.m_X, channel, inputs)
        middle = np.array([2.0 * self.m_psi**2 + 0.5 * channel.q2_max(inputs.constants)])
        return float(integrated(self.density(middle, channel, inputs))[0])

    def two_body_width(self, m_X: float, channel: Channel, inputs: Inputs) -> float:
        """Gamma(B -> hadron X) [GeV] for an X of that mass."""
        return sum(self._helicity_widths(m_X, channel, inputs))

    def _helicity_widths(self, m_X: float, channel: Channel, inputs: Inputs) -> tuple[float, float]:
        """Longitudinal and transverse part of the two-body width [GeV]."""
        c, F, g_bs = inputs.constants, inputs.form_factor(channel.transition), self.production(inputs)
        m_B, m_H, q2 = channel.m_B(c), channel.m_H(c), m_X**2
        if channel.spin == 0:
            return widths.B_to_K_X(m_B, m_H, m_X, g_bs, float(F.f_plus(q2))), 0.0
        A_1, A_12, V = (float(F.value(name, q2)) for name in ("A_1", "A_12", "V"))
        zero, plus, minus = widths.B_to_V_X_helicities(m_B, m_H, m_X, A_1, A_12, V)
        return (
            widths.B_to_V_X(m_B, m_H, m_X, g_bs, [zero]),
            widths.B_to_V_X(m_B, m_H, m_X, g_bs, [plus, minus]),
        )

    def spectrum(self, channel: Channel, inputs: Inputs) -> Spectrum:
        """A narrow line at m_X, or psi psi through the resonance from 4 m_psi^2 to the end point."""
        if self.lineshape == "narrow":
            return Spectrum.from_line(self.m_X, self._line(channel, inputs))
        return Spectrum.from_density(
            lambda q2: self.density(q2, channel, inputs),
            4.0 * self.m_psi**2,
            channel.q2_max(inputs.constants),
            peaks=self._peaks(channel, inputs),
        )

    def _line(self, channel: Channel, inputs: Inputs) -> Array:
        """Coefficients of the line [GeV]: those of the pair it decays to, with the width of B -> hadron X.

        psi psi if it is open, else nu nu~.  The pairs of both have opposite helicities, so that only J5, J6s and J7
        differ, which are 0 for identical particles: neutrinos beside psi psi have the right angles up to the
        difference between nu and nu~.  Without any pair, theta and phi are flat.
        """
        zero, transverse_width = self._helicity_widths(self.m_X, channel, inputs)
        open_channels = self.widths(inputs).partial
        currents = hadron(np.array([self.m_X**2]), channel, inputs)
        if _DARK in open_channels:
            J = fermion_pair(currents, self.m_psi, self.m_psi, self._axial_pair(inputs), identical=True)[0]
        elif not open_channels.keys().isdisjoint(_NEUTRINOS):
            J = fermion_pair(currents, 0.0, 0.0, _times_left_handed(hV=1.0, hA=-1.0))[0]
        elif channel.spin == 0:
            return isotropic(zero)
        else:
            return np.asarray(longitudinal(zero) + transverse(transverse_width))
        return np.asarray(J * ((zero + transverse_width) / integrated(J)))

    def density(self, q2: Array, channel: Channel, inputs: Inputs) -> Array:
        """(n, 3) or (n, 12) angular coefficients [GeV^-1] of B -> hadron X*(-> psi psi) at q2 (n,).

        X_mu is exchanged between g_bs sbar gamma^mu P_L b and (1/2) g_X psibar gamma^mu gamma5 psi with the propagator
        (g_{mu nu} - q_mu q_nu/m_X^2)/(q2 - m_X^2 + i m_X Gamma_X), or sqrt(q2) Gamma_X(q2) in place of m_X Gamma_X.
        Without the second term, integrated over the angles, this is
        Gamma(B -> hadron X)(q2) sqrt(q2) Gamma(X -> psi psi)(q2)/(pi |q2 - m_X^2 + i m_X Gamma_X|^2).
        Source: arXiv:2502.04900 eq. (40).
        """
        g_X = math.sqrt(4.0 * math.pi * self.alpha_X)
        exchanged = self.production(inputs) * 0.5 * g_X / self._denominator(q2, inputs)
        g = exchanged * self._axial_pair(inputs)
        return fermion_pair(hadron(q2, channel, inputs), self.m_psi, self.m_psi, g, identical=True)

    def _axial_pair(self, inputs: Inputs) -> FermionCouplings:
        """(sbar gamma^mu P_L b)(g_{mu nu} - q_mu q_nu/m_X^2) psibar gamma^nu gamma5 psi.

        With the equations of motion of quarks and psi the second term is a product of (pseudo)scalars.  It cancels the
        timelike part of the first one at q2 = m_X^2, where X has spin 1.
        """
        c = inputs.constants
        scalar = 1j * self.m_psi / self.m_X**2
        scalars = FermionCouplings(hSP=scalar * (c.m_b - c.m_s), hPP=scalar * (c.m_b + c.m_s))
        return _times_left_handed(hA=1.0) + scalars

    def _denominator(self, q2: Array, inputs: Inputs) -> np.ndarray[tuple[int, ...], np.dtype[np.complex128]]:
        """q2 - m_X^2 + i m_X Gamma_X, or with a running width."""
        if self.lineshape == "BWrun":
            m = np.sqrt(q2)
            imaginary = m * sum(self.partial_widths(m, inputs).values())
        else:
            imaginary = np.full_like(q2, self.m_X * self.widths(inputs).total)
        return q2 - self.m_X**2 + 1j * imaginary

    def _peaks(self, channel: Channel, inputs: Inputs) -> list[tuple[float, float]]:
        """Mass and width of X if it is on its mass shell inside the range of q2."""
        inside = 4.0 * self.m_psi**2 < self.m_X**2 < channel.q2_max(inputs.constants)
        return [(self.m_X, self.widths(inputs).total)] if inside else []

    # --- decays

    def _R(self) -> RRatio:
        if isinstance(self.r_ratio, str):
            return couplings.read_r_ratio(self.r_ratio)
        return couplings.shipped_r_ratio() if self.r_ratio is None else RRatio.constant(self.r_ratio)

    def partial_widths(self, m_X: FloatArray, inputs: Inputs) -> dict[str, FloatArray]:
        """Partial widths [GeV] at masses m_X (n,) with the couplings of this point; e at zero momentum.

        Hadrons are Gamma(X -> mu+ mu-) R(m_X), strictly valid for the coupling eps alone.
        """
        c, eps_Z = inputs.constants, self.mixing(inputs)
        partial = {_DARK: widths.X_to_psipsi(m_X, self.m_psi, self.alpha_X)}
        nu = couplings.X_couplings(0.0, 0.5, self.eps, eps_Z, c.alpha_0, c)
        partial |= {name: widths.X_to_ff(m_X, 0.0, *nu) for name in _NEUTRINOS}
        lepton = couplings.X_couplings(-1.0, -0.5, self.eps, eps_Z, c.alpha_0, c)
        partial |= {name: widths.X_to_ff(m_X, getattr(c, mass), *lepton) for name, mass in _LEPTONS.items()}
        return partial | {"hadrons": partial["mu+ mu-"] * self._R().at(m_X, c.m_pip)}

    def widths(self, inputs: Inputs) -> Widths:
        """Partial widths of X [GeV], arXiv:2502.04900 eqs. (38) corrected, (39)."""
        partial = {name: float(width[0]) for name, width in self.partial_widths(np.array([self.m_X]), inputs).items()}
        open_channels = {name: width for name, width in partial.items() if width > 0.0}
        return Widths(self.mediator, _X, self.m_X, open_channels, frozenset({_DARK, *_NEUTRINOS}))

    def modes(self, inputs: Inputs) -> tuple[DecayMode, ...]:
        """psi psi and nu nu~ as pairs, everything else as one visible mode without daughters.

        With lineshape BW or BWrun psi psi alone, as the spectrum.
        """
        dark = DecayMode(_DARK, 1.0, True, "pair", (_PSI, _PSI), (self.m_psi, self.m_psi))
        if self.lineshape != "narrow":
            return (dark,)
        w = self.widths(inputs)
        if w.total == 0.0:
            return (DecayMode("stable", 1.0, True, "none"),)
        modes = []
        if _DARK in w.partial:
            modes.append(DecayMode(_DARK, self._share(w, _DARK), True, "pair", dark.pdg, dark.masses))
        for name, code in _NEUTRINOS.items():
            if name in w.partial:
                modes.append(DecayMode(name, self._share(w, name), True, "pair", (code, -code), (0.0, 0.0)))
        seen = max(1.0 - w.invisible_fraction, 0.0)  # rounding may leave -1e-16
        if not w.partial.keys() <= w.invisible:
            modes.append(DecayMode("visible", seen, False, "none"))
        return tuple(modes)

    @staticmethod
    def _share(w: Widths, name: str) -> float:
        """Branching fraction of X into a channel."""
        return w.partial.get(name, 0.0) / w.total if w.total else 0.0

    def dark_matter(self, inputs: Inputs) -> DarkMatter | None:
        """Freeze-out by psi psi -> phi phi.  Source: arXiv:2502.04900 eq. (47), exact in s.

        Raises InputError without m_phi.
        """
        if self.m_phi is None:
            raise InputError(Problem(("model", "m_phi"), "required for the relic density: the mass of the dark Higgs"))
        m_phi = self.m_phi
        to_phiphi = AnnihilationChannel(
            "phi phi",
            lambda s: psipsi_to_phiphi(s, self.m_psi, m_phi, self.m_X, self.alpha_X, self.trilinear),
            4.0 * max(m_phi, self.m_psi) ** 2,
        )
        return FreezeOut("psi", self.m_psi, 2.0, True, (to_phiphi,))

    def observables(self, inputs: Inputs) -> Iterator[Observable]:
        """Scattering of psi off xenon, electrons, nucleons and itself; lifetime of phi."""
        c = inputs.constants
        eps_Z = self.mixing(inputs)
        yield from dark_observables.axial_scattering(self.alpha_X, self.m_psi, self.m_X, self.eps, eps_Z, c)
        yield dark_observables.self_scattering(self.alpha_X, self.m_psi, self.m_X, self.m_phi)
        if self.m_phi is not None and self.sin_theta is not None:
            y = 2.0 * math.sqrt(4.0 * math.pi * self.alpha_X) * self.m_psi / self.m_X
            sigma = direct_detection.higgs_exchange_fermion(y, self.m_psi, self.m_phi, self.sin_theta, c)
            yield dark_observables.portal_scattering("psi", self.m_psi, sigma)
            yield from dark_observables.light_dark_higgs(self.m_phi, self.sin_theta, c)

    def derived(self, inputs: Inputs) -> tuple[Quantity, ...]:
        """The mixing with the Z and the coupling to b -> s."""
        eps_Z, g_bs, source = self.mixing(inputs), self.production(inputs), self.describe_name()
        found = [Quantity("eps_Z", eps_Z, "1", None, source), Quantity("g_bs", g_bs, "1", None, source)]
        if eps_Z:
            found.append(Quantity("g_bs/eps_Z", g_bs / eps_Z, "1", None, source))
        return tuple(found)


def _times_left_handed(hV: complex = 0.0, hA: complex = 0.0) -> FermionCouplings:
    """(sbar gamma_mu P_L b) chibar gamma^mu (hV + hA gamma5) chi."""
    return FermionCouplings(hVV=0.5 * hV, hVA=0.5 * hA, hAV=-0.5 * hV, hAA=-0.5 * hA)
