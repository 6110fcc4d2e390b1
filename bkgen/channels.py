"""The decay channels B -> hadron + invisible: particles, PDG codes and where their masses are found."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .constants import Constants
from .errors import InputError, Problem, suggestion


@dataclass(frozen=True)
class Daughter:
    """A daughter of the K* or phi: branch prefix, PDG code, name of its mass in `Constants`."""

    prefix: str
    pdg: int
    mass_name: str


@dataclass(frozen=True)
class HadronDecay:
    """A decay of the K* or phi.

    fraction: its branching fraction, for the metadata only (isospin for the K*; None where none is given).
    """

    name: str
    daughters: tuple[Daughter, Daughter]
    fraction: float | None


@dataclass(frozen=True)
class Channel:
    """One decay channel; masses and lifetimes are looked up in the constants that are passed in.

    The named charge state is the one that is generated; charge conjugates enter the normalisation only.
    K0 means the K0, not the K_S.
    """

    name: str
    B_pdg: int
    m_B_name: str
    tau_B_name: str
    prefix: str
    hadron_pdg: int
    m_H_name: str
    spin: int
    transition: str
    production: str | None
    decays: tuple[HadronDecay, ...] = ()

    @property
    def decay(self) -> HadronDecay | None:
        """The decay of the hadron that is generated, the first of `decays`; None for a stable one."""
        return self.decays[0] if self.decays else None

    @property
    def daughters(self) -> tuple[Daughter, ...]:
        """Daughters of the hadron, none for a stable one."""
        return self.decay.daughters if self.decay else ()

    def with_decay(self, name: str) -> Channel:
        """The channel with the hadron decaying to `name`; raises KeyError for a decay it does not have."""
        chosen = {decay.name: decay for decay in self.decays}[name]
        return replace(self, decays=(chosen, *(d for d in self.decays if d is not chosen)))

    @property
    def n_angular(self) -> int:
        """Number of angular coefficients: 3 for a spin-0 hadron, 12 for spin 1."""
        return 3 if self.spin == 0 else 12

    def m_B(self, constants: Constants) -> float:
        """Mass of the B meson [GeV]."""
        return float(getattr(constants, self.m_B_name))

    def m_H(self, constants: Constants) -> float:
        """Mass of the hadron [GeV]."""
        return float(getattr(constants, self.m_H_name))

    def tau_B(self, constants: Constants) -> float:
        """Lifetime of the B meson [s]."""
        return float(getattr(constants, self.tau_B_name))

    def daughter_masses(self, constants: Constants) -> tuple[float, ...]:
        """Masses of the daughters of the hadron [GeV]; empty for a stable hadron."""
        return tuple(float(getattr(constants, d.mass_name)) for d in self.daughters)

    def q2_max(self, constants: Constants) -> float:
        """End point (m_B - m_H)^2 [GeV^2]."""
        return (self.m_B(constants) - self.m_H(constants)) ** 2


def _kstar_decay(K: str, pi: str, fraction: float) -> HadronDecay:
    kaons = {"K+": (321, "m_Kp"), "K0": (311, "m_K0")}
    pions = {"pi+": (211, "m_pip"), "pi-": (-211, "m_pip"), "pi0": (111, "m_pi0")}
    return HadronDecay(f"{K} {pi}", (Daughter("Kst_K", *kaons[K]), Daughter("Kst_pi", *pions[pi])), fraction)


_KSTAR_PLUS = (_kstar_decay("K0", "pi+", 2.0 / 3.0), _kstar_decay("K+", "pi0", 1.0 / 3.0))
_KSTAR_ZERO = (_kstar_decay("K+", "pi-", 2.0 / 3.0), _kstar_decay("K0", "pi0", 1.0 / 3.0))
_PHI = (HadronDecay("K+ K-", (Daughter("phi_Kp", 321, "m_Kp"), Daughter("phi_Km", -321, "m_Kp")), None),)

# The first decay of a hadron is its default: isospin 2/3 for the K*.
CHANNELS: dict[str, Channel] = {
    channel.name: channel
    for channel in (
        Channel("B+ -> K+", 521, "m_Bp", "tau_Bp", "K", 321, "m_Kp", 0, "K", "f_pm"),
        Channel("B0 -> K0", 511, "m_B0", "tau_B0", "K", 311, "m_K0", 0, "K", "f_00"),
        Channel("B+ -> K*+", 521, "m_Bp", "tau_Bp", "Kst", 323, "m_Kstp", 1, "Kst", "f_pm", _KSTAR_PLUS),
        Channel("B0 -> K*0", 511, "m_B0", "tau_B0", "Kst", 313, "m_Kst0", 1, "Kst", "f_00", _KSTAR_ZERO),
        Channel("Bs -> phi", 531, "m_Bs", "tau_Bs", "phi", 333, "m_phi", 1, "phi", None, _PHI),
    )
}


def channel(name: str) -> Channel:
    """The channel of that name, e.g. 'B+ -> K+'.  Raises InputError for an unknown one."""
    try:
        return CHANNELS[name]
    except KeyError:
        allowed = " | ".join(CHANNELS)
        raise InputError(
            Problem(("channel",), f"unknown channel, one of: {allowed}{suggestion(name, CHANNELS)}", name)
        ) from None
