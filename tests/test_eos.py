"""EOS as an oracle: dBR/dq2 and F_L of b -> s nu nubar in the weak effective theory, with EOS's own inputs.

Run as a script, this module writes its table in docs/validation.md.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache
from typing import Any

import agreement
import numpy as np
import pytest

from bkgen.channels import CHANNELS
from bkgen.constants import Constants
from bkgen.currents import neutrino_pairs
from bkgen.formfactors import FormFactorSet, Inputs
from bkgen.spectrum import Array, Spectrum, integrated
from bkgen.units import HBAR, width_from_lifetime
from bkgen.widths import branching_fraction

eos: Any = importlib.import_module("eos")

DIFFERENTIAL, TOTAL = 1e-6, 1e-5
"""Relative tolerances of dBR/dq2 and F_L(q2), and of EOS's integrals over q2."""
COUPLINGS: dict[str, dict[str, complex]] = {
    "SM": {"C_VL": 6.613114906357177},
    "V": {"C_VL": 6.6},
    "V and V'": {"C_VL": 6.6 - 1.3j, "C_VR": -2.0 + 0.4j},
    "S": {"C_SL": 3.0},
    "S and S'": {"C_SL": 3.0, "C_SR": 1.0 + 0.5j},
    "T": {"C_TL": 2.0},
    "all": {"C_VL": 6.0, "C_VR": 1.0, "C_SL": 2.0, "C_SR": -0.5, "C_TL": 1.5},
}
OBSERVABLES = {
    "B+ -> K+": "B->Knunu::{};model=WET",
    "B+ -> K*+": "B->K^*nunu::{};model=WET,q=u",
    "B0 -> K*0": "B->K^*nunu::{};model=WET,q=d",
    "Bs -> phi": "B_s->phinunu::{};model=WET",
}
FLAVOURS = {
    "B+ -> K+": ("u", "K_u"),
    "B+ -> K*+": ("u", "K_u^*"),
    "B0 -> K*0": ("d", "K_d^*"),
    "Bs -> phi": ("s", "phi"),
}
TRANSITIONS = {"K": ("B->K", "B_d", "K_d"), "Kst": ("B->K^*", "B_d", "K_d^*"), "phi": ("B_s->phi", "B_s", "phi")}
FORM_FACTORS = {
    "K": {"f_plus": "f+", "f_0": "f0", "f_T": "fT"},
    "Kst": {"A_0": "A0", "A_1": "A1", "A_12": "A12", "V": "V", "T_1": "T1", "T_2": "T2", "T_23": "T23"},
}
FORM_FACTORS["phi"] = FORM_FACTORS["Kst"]
Q2 = (0.5, 2.0, 5.0, 9.0, 12.0, 15.0, 18.0)
channels = pytest.mark.parametrize("name", OBSERVABLES)


@cache
def defaults() -> Any:
    """Default parameters; never changed."""
    return eos.Parameters.Defaults()


def value(name: str) -> float:
    """Default of that parameter of EOS."""
    return float(defaults()[name].evaluate())


@cache
def form_factors(transition: str) -> FormFactorSet:
    """EOS's default BSZ form factors of that transition, from its parameters."""
    process, B, M = TRANSITIONS[transition]
    poles = {"0-": "B_s", "1-": "B_s^*", "0+": "B_s,0", "1+": "B_s,1"}
    a = {
        ours: {k: value(f"{process}::alpha^{theirs}_{k}@BSZ2015") for k in agreement.orders(ours)}
        for ours, theirs in FORM_FACTORS[transition].items()
    }
    masses = {spin: value(f"mass::{particle}@BSZ2015") for spin, particle in poles.items()}
    return agreement.bsz_set(transition, value(f"mass::{B}@BSZ2015"), value(f"mass::{M}@BSZ2015"), masses, a)


@cache
def inputs(name: str) -> Inputs:
    """The input set of EOS with the masses, lifetimes and CKM elements that EOS has in that channel."""
    channel = CHANNELS[name]
    spectator, hadron = FLAVOURS[name]
    mass = {channel.m_B_name: value(f"mass::B_{spectator}"), channel.m_H_name: value(f"mass::{hadron}")}
    running = eos.Model.make("WET", defaults(), eos.Options())
    constants = Constants.named(
        "eos",
        **mass,
        **{channel.tau_B_name: value(f"life_time::B_{spectator}") * HBAR / value("QM::hbar")},
        G_F=value("WET::G_Fermi"),
        alpha_MZ_inv=1.0 / value("QED::alpha_e(m_b)"),
        VtbVts=value("CKM::abs(V_tb)") * value("CKM::abs(V_ts)"),
        m_b=running.m_b_msbar(value("sbnunu::mu")),
        m_s=running.m_s_msbar(value("sbnunu::mu")),
    )
    return Inputs(constants, {channel.transition: form_factors(channel.transition)})


def of_eos(name: str, quantity: str, couplings: Mapping[str, complex], **kinematics: float) -> float:
    """An observable of EOS with those Wilson coefficients, all others 0."""
    parameters = eos.Parameters.Defaults()
    for coefficient in ("VL", "VR", "SL", "SR", "TL"):
        number = complex(couplings.get(f"C_{coefficient}", 0.0))
        parameters[f"sbnunu::Re{{c{coefficient}}}"].set(number.real)
        parameters[f"sbnunu::Im{{c{coefficient}}}"].set(number.imag)
    observable = OBSERVABLES[name].format(quantity)
    return float(eos.Observable.make(observable, parameters, eos.Kinematics(**kinematics), eos.Options()).evaluate())


def coefficients(name: str, q2: Array, couplings: Mapping[str, complex]) -> Array:
    return neutrino_pairs(q2, CHANNELS[name], inputs(name), **{"C_VL": 0.0, **couplings})


def of_bkgen(name: str, q2: float, couplings: Mapping[str, complex]) -> float:
    """dBR/dq2 [GeV^-2]."""
    channel = CHANNELS[name]
    width = float(integrated(coefficients(name, np.array([q2]), couplings))[0])
    return branching_fraction(width, channel.tau_B(inputs(name).constants))


def longitudinal_fraction(name: str, q2: float, couplings: Mapping[str, complex]) -> float:
    """Part of the width with cos^2(theta_K) from vector operators: all that EOS has in its numerator."""
    q2s = np.array([q2])
    vector = {coefficient: value for coefficient, value in couplings.items() if coefficient in ("C_VL", "C_VR")}
    J = coefficients(name, q2s, vector)[0]
    return float((0.75 * J[1] - 0.25 * J[3]) / integrated(coefficients(name, q2s, couplings))[0])


def in_range(name: str) -> list[float]:
    return [q2 for q2 in Q2 if q2 < CHANNELS[name].q2_max(inputs(name).constants)]


@pytest.mark.parametrize("transition", TRANSITIONS)
def test_form_factors(transition: str) -> None:
    """The sets built from EOS's parameters are EOS's form factors."""
    process, _, _ = TRANSITIONS[transition]
    for ours in FORM_FACTORS[transition]:
        for q2 in Q2:
            name = f"{process}::{ours.replace('plus', '+')}(q2);form-factors=BSZ2015"
            expected = eos.Observable.make(name, defaults(), eos.Kinematics(q2=q2), eos.Options()).evaluate()
            assert form_factors(transition).value(ours, q2) == pytest.approx(expected, rel=1e-10), (ours, q2)


@pytest.mark.parametrize("couplings", COUPLINGS.values(), ids=COUPLINGS.keys())
@channels
def test_differential_branching_fraction(name: str, couplings: dict[str, complex]) -> None:
    for q2 in in_range(name):
        expected = of_eos(name, "dBR/dq2", couplings, q2=q2)
        assert of_bkgen(name, q2, couplings) == pytest.approx(expected, rel=DIFFERENTIAL, abs=0.0), q2


@pytest.mark.parametrize("couplings", COUPLINGS.values(), ids=COUPLINGS.keys())
@pytest.mark.parametrize("name", [name for name in OBSERVABLES if CHANNELS[name].spin == 1])
def test_longitudinal_fraction(name: str, couplings: dict[str, complex]) -> None:
    for q2 in in_range(name):
        expected = of_eos(name, "F_L(q2)", couplings, q2=q2)
        assert longitudinal_fraction(name, q2, couplings) == pytest.approx(expected, rel=DIFFERENTIAL, abs=1e-15), q2


@channels
def test_branching_fraction(name: str) -> None:
    """From 0.01 to 10 GeV^2, for all operators together."""
    channel = CHANNELS[name]
    expected = of_eos(name, "BR", COUPLINGS["all"], q2_min=0.01, q2_max=10.0)
    spectrum = Spectrum.from_density(
        lambda q2: coefficients(name, q2, COUPLINGS["all"]), 0.0, channel.q2_max(inputs(name).constants)
    )
    (width,) = spectrum.bin_integrals(np.array([0.01, 10.0]))
    found = width / width_from_lifetime(channel.tau_B(inputs(name).constants))
    assert found == pytest.approx(expected, rel=TOTAL)


def test_the_named_input_set() -> None:
    """`inputs: {set: eos}` holds the parameters of EOS, and C_VL of its Standard Model at the scale of its alpha."""
    named, used = Constants.named("eos"), inputs("B+ -> K+").constants
    for constant in ("m_Bp", "m_Kp", "G_F", "alpha_MZ_inv", "VtbVts"):
        assert getattr(named, constant) == pytest.approx(getattr(used, constant), rel=1e-12), constant
    assert named.tau_Bp == pytest.approx(used.tau_Bp, rel=1e-7)
    assert named.m_b - named.m_s == pytest.approx(used.m_b - used.m_s, rel=1e-12)
    assert named.m_b + named.m_s == pytest.approx(used.m_b + used.m_s, rel=1e-5)
    assert named.C_SM_nu == pytest.approx(value("sbnunu::Re{cVL}"), rel=1e-4)


def section() -> str:
    """The part of docs/validation.md of this program."""
    rows = [
        (
            f"dBR/dq2({name})",
            f"q2 = 5, {label}",
            f"{of_eos(name, 'dBR/dq2', COUPLINGS[label], q2=5.0):.4g}",
            f"{of_bkgen(name, 5.0, COUPLINGS[label]):.4g}",
            f"{DIFFERENTIAL:g}",
        )
        for name in OBSERVABLES
        for label in ("SM", "S", "T", "all")
    ]
    rows += [
        (
            f"F_L({name})",
            f"q2 = 5, {label}",
            f"{of_eos(name, 'F_L(q2)', COUPLINGS[label], q2=5.0):.4g}",
            f"{longitudinal_fraction(name, 5.0, COUPLINGS[label]):.4g}",
            f"{DIFFERENTIAL:g}",
        )
        for name in OBSERVABLES
        if CHANNELS[name].spin == 1
        for label in ("SM", "all")
    ]
    return agreement.table("EOS", rows)


def test_table_of_the_documentation() -> None:
    assert agreement.sections()["EOS"] == section()


if __name__ == "__main__":
    agreement.write(section())
