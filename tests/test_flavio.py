"""flavio as an oracle: Standard Model rates and F_L of B -> K(*) nu nubar with flavio's own inputs.

Run as a script, this module writes its table in docs/validation.md.
"""

from __future__ import annotations

import importlib
import warnings
from functools import cache
from typing import Any

import agreement
import numpy as np
import pytest

from bkgen.channels import CHANNELS
from bkgen.constants import Constants
from bkgen.formfactors import FormFactorSet, Inputs
from bkgen.models.sm import StandardModel
from bkgen.spectrum import Spectrum, integrated
from bkgen.units import HBAR, width_from_lifetime

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "builtin type .* has no __module__ attribute", DeprecationWarning)
    flavio: Any = importlib.import_module("flavio")

DIFFERENTIAL, TOTAL = 1e-6, 1e-4
"""Relative tolerances of dBR/dq2, and of flavio's integrals over q2 with a fixed number of points."""
PROCESSES = {
    "B+ -> K+": ("B+->Knunu", "B+", "K+"),
    "B0 -> K0": ("B0->Knunu", "B0", "K0"),
    "B0 -> K*0": ("B0->K*nunu", "B0", "K*0"),
    "B+ -> K*+": ("B+->K*nunu", "B+", "K*+"),
}
FORM_FACTORS = {
    "K": ("B->K", {"f_plus": "f+", "f_0": "f0", "f_T": "fT"}),
    "Kst": ("B->K*", {"A_0": "A0", "A_1": "A1", "A_12": "A12", "V": "V", "T_1": "T1", "T_2": "T2", "T_23": "T23"}),
}
Z_MASSES = {"K": ("m_B0", "m_K0"), "Kst": ("m_B0", "m_K*0")}
POLES = {"K": {"1-": "m+", "0+": "m0"}, "Kst": {"0-": "m0", "1-": "m1-", "1+": "m1+"}}
Q2 = (0.5, 2.0, 5.0, 9.0, 12.0, 15.0, 18.0)
channels = pytest.mark.parametrize("name", PROCESSES)
vectors = pytest.mark.parametrize("name", [name for name in PROCESSES if CHANNELS[name].spin == 1])


@cache
def parameters() -> dict[str, Any]:
    """Central values of flavio's parameters."""
    return dict(flavio.default_parameters.get_central_all())


@cache
def form_factors(transition: str) -> FormFactorSet:
    """flavio's BSZ form factors, whose z has the masses of B0 and K(*)0 for every charge."""
    p = parameters()
    process, names = FORM_FACTORS[transition]
    m_B, m_M = (p[name] for name in Z_MASSES[transition])
    poles = {spin: p[f"{process} BCL {name}"] for spin, name in POLES[transition].items()}
    a = {ours: {k: p[f"{process} BSZ a{k}_{theirs}"] for k in agreement.orders(ours)} for ours, theirs in names.items()}
    return agreement.bsz_set(transition, m_B, m_M, poles, a)


@cache
def spectrum(name: str) -> Spectrum:
    return StandardModel(name="sm").spectrum(CHANNELS[name], inputs(name))


@cache
def inputs(name: str) -> Inputs:
    """The input set of flavio with flavio's masses and lifetimes in that channel."""
    p, channel = parameters(), CHANNELS[name]
    _, B, hadron = PROCESSES[name]
    mass = {channel.m_B_name: p[f"m_{B}"], channel.m_H_name: p[f"m_{hadron}"]}
    scale = flavio.config["renormalization scale"]["bpll"]
    constants = Constants.named(
        "flavio",
        **mass,
        **{channel.tau_B_name: p[f"tau_{B}"] * HBAR},
        G_F=p["GF"],
        alpha_MZ_inv=1.0 / flavio.physics.running.running.get_alpha(p, scale)["alpha_e"],
        X_t=-flavio.physics.bdecays.wilsoncoefficients.CL_SM(p, scale) * p["s2w"],
        s2w=p["s2w"],
        VtbVts=abs(flavio.physics.ckm.xi("t", "bs")(p)),
    )
    return Inputs(constants, {channel.transition: form_factors(channel.transition)})


def of_flavio(observable: str, *kinematics: float) -> float:
    return float(flavio.sm_prediction(observable, *kinematics))


def of_bkgen(name: str, q2: float) -> float:
    """dBR/dq2 [GeV^-2]."""
    continuum = spectrum(name).continuum
    assert continuum is not None
    return float(continuum.width(np.array([q2]))[0]) / Gamma_B(name)


def Gamma_B(name: str) -> float:
    return width_from_lifetime(CHANNELS[name].tau_B(inputs(name).constants))


def branching_fraction(name: str) -> float:
    return spectrum(name).rate() / Gamma_B(name)


def longitudinal_fraction(name: str, q2: float) -> float:
    """Part of the width with cos^2(theta_K)."""
    continuum = spectrum(name).continuum
    assert continuum is not None
    J = continuum.at(np.array([q2]))[0]
    return float((0.75 * J[1] - 0.25 * J[3]) / integrated(J))


@channels
def test_differential_branching_fraction(name: str) -> None:
    for q2 in Q2:
        expected = of_flavio(f"dBR/dq2({PROCESSES[name][0]})", q2)
        assert of_bkgen(name, q2) == pytest.approx(expected, rel=DIFFERENTIAL, abs=0.0), q2


@vectors
def test_longitudinal_fraction(name: str) -> None:
    for q2 in Q2:
        expected = of_flavio(f"FL({PROCESSES[name][0]})", q2)
        assert longitudinal_fraction(name, q2) == pytest.approx(expected, rel=DIFFERENTIAL), q2


@channels
def test_branching_fraction(name: str) -> None:
    expected = of_flavio(f"BR({PROCESSES[name][0]})")
    assert branching_fraction(name) == pytest.approx(expected, rel=TOTAL, abs=0.0)


@pytest.mark.parametrize("name", ["B+ -> K+", "B0 -> K0", "B0 -> K*0"])
def test_the_named_input_set(name: str) -> None:
    """`inputs: {set: flavio}` is what flavio uses, but for the running of alpha times the Wilson coefficient."""
    p, channel, named = parameters(), CHANNELS[name], Constants.named("flavio")
    _, B, hadron = PROCESSES[name]
    assert channel.m_B(named) == pytest.approx(p[f"m_{B}"], rel=1e-12)
    assert channel.m_H(named) == pytest.approx(p[f"m_{hadron}"], rel=1e-12)
    assert channel.tau_B(named) == pytest.approx(p[f"tau_{B}"] * HBAR, rel=1e-6)
    used = inputs(name).constants
    assert named.alpha_MZ * named.C_SM_nu == pytest.approx(used.alpha_MZ * used.C_SM_nu, rel=1e-6)
    assert named.VtbVts == pytest.approx(used.VtbVts, rel=1e-5)


def section() -> str:
    """The part of docs/validation.md of this program."""
    rows = []
    for name, (process, _, _) in PROCESSES.items():
        rows += [
            (
                f"BR({name})",
                "all q2",
                f"{of_flavio(f'BR({process})'):.4g}",
                f"{branching_fraction(name):.4g}",
                f"{TOTAL:g}",
            ),
            (
                f"dBR/dq2({name})",
                "q2 = 5",
                f"{of_flavio(f'dBR/dq2({process})', 5.0):.4g}",
                f"{of_bkgen(name, 5.0):.4g}",
                f"{DIFFERENTIAL:g}",
            ),
        ]
        if CHANNELS[name].spin == 1:
            rows.append(
                (
                    f"F_L({name})",
                    "q2 = 5",
                    f"{of_flavio(f'FL({process})', 5.0):.4g}",
                    f"{longitudinal_fraction(name, 5.0):.4g}",
                    f"{DIFFERENTIAL:g}",
                )
            )
    return agreement.table("flavio", rows)


def test_table_of_the_documentation() -> None:
    assert agreement.sections()["flavio"] == section()


if __name__ == "__main__":
    agreement.write(section())
