"""Reference values of public functions and of cards: generic runners for the tables of tests/reference.

A row of functions.json is ``{name, call, args, value, rel_tol, source}``.  ``args`` is a list or a mapping; in
place of a number, ``{"call": ..., "args": ...}`` is the result of another call.  Complex values are ``{re, im}``.
A row of cards.json is ``{name, card, quantity, value, rel_tol, source}``; ``card`` states every input of the number.
``published`` is the number as a paper prints it, with paper and quantity.  Run as a script, this module writes those
rows in docs/validation.md.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import agreement
import numpy as np
import pytest

from bkgen.card import Card, card_from_dict
from bkgen.channels import channel
from bkgen.constants import Constants
from bkgen.formfactors import FormFactorSet, Inputs, form_factor_set
from bkgen.models.sm import short_distance_density
from bkgen.quantities import branching_fractions, rates
from bkgen.spectrum import integrated
from bkgen.widths import branching_fraction

REFERENCE = Path(__file__).parent / "reference"
FUNCTIONS = json.loads((REFERENCE / "functions.json").read_text(encoding="utf-8"))
CARDS = json.loads((REFERENCE / "cards.json").read_text(encoding="utf-8"))

EOS_FORM_FACTORS = FormFactorSet(
    name="EOS default",
    transition="K",
    source="EOS 1.0.21",
    parametrisation="BSZ",
    parameters=("a0_f_plus", "a1_f_plus", "a2_f_plus", "a1_f_0", "a2_f_0", "a0_f_T", "a1_f_T", "a2_f_T"),
    central=(
        *(0.32908992854636815, -0.8669465867427438, 0.006095669673341246),
        *(0.19511719957037596, -0.4461264576740431),
        *(0.2993831492500477, -0.7735456824025474, 0.009554375102511888),
    ),
    covariance=None,
    constants={"m_B": 5.279, "m_M": 0.492},
    poles={"f_plus": 5.415, "f_0": 5.630, "f_T": 5.415},
    coefficients={
        "f_plus": ("a0_f_plus", "a1_f_plus", "a2_f_plus"),
        "f_0": ("a0_f_plus", "a1_f_0", "a2_f_0"),
        "f_T": ("a0_f_T", "a1_f_T", "a2_f_T"),
    },
)


def resolve(dotted: str) -> Any:
    """The object ``package.module.attribute[.attribute]``."""
    parent, _, name = dotted.rpartition(".")
    try:
        owner: Any = importlib.import_module(parent)
    except ModuleNotFoundError:
        owner = resolve(parent)
    return getattr(owner, name)


def evaluate(node: Any) -> Any:
    """A plain value, or the result of the call that ``node`` describes."""
    if isinstance(node, list):
        return [evaluate(item) for item in node]
    if not isinstance(node, dict):
        return node
    function, arguments = resolve(node["call"]), node["args"]
    if isinstance(arguments, list):
        return function(*evaluate(arguments))
    return function(**{name: evaluate(value) for name, value in arguments.items()})


def expected(value: Any) -> Any:
    """The expected value, with ``{re, im}`` as a complex number."""
    return complex(value["re"], value["im"]) if isinstance(value, dict) else value


def card_of(name: str) -> Card:
    """The card of that row, everything else at its default; a Bs is at rest."""
    (row,) = [row for row in CARDS if row["name"] == name]
    beam = {} if channel(row["card"]["channel"]).production else {"beam": "rest"}
    return card_from_dict({"schema": 1, **row["card"], **beam})


@pytest.mark.parametrize("row", FUNCTIONS, ids=[row["name"] for row in FUNCTIONS])
def test_function(row: dict[str, Any]) -> None:
    result = evaluate({"call": row["call"], "args": row["args"]})
    assert result == pytest.approx(expected(row["value"]), rel=row["rel_tol"], abs=0.0), row["source"]


@pytest.mark.parametrize("row", CARDS, ids=[row["name"] for row in CARDS])
def test_card(row: dict[str, Any]) -> None:
    results = {quantity.name: quantity.value for quantity in rates(card_of(row["name"]))}
    assert results[row["quantity"]] == pytest.approx(row["value"], rel=row["rel_tol"], abs=0.0), row["source"]


@pytest.mark.parametrize("table", [FUNCTIONS, CARDS], ids=["functions", "cards"])
def test_row_names_are_unique(table: list[dict[str, Any]]) -> None:
    names = [row["name"] for row in table]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("row", CARDS, ids=[row["name"] for row in CARDS])
def test_card_rows_state_their_inputs(row: dict[str, Any]) -> None:
    """Model, channel, form factors, masses and lifetime: a change of defaults must not move a reference."""
    assert row["card"].keys() == {"model", "channel", "form_factors", "inputs"}
    decay = channel(row["card"]["channel"])
    assert row["card"]["inputs"].keys() >= {"set", decay.m_B_name, decay.m_H_name, decay.tau_B_name}


def test_standard_model_total() -> None:
    """BR_SM_total_B+K+: short distance plus tau long distance is the 5.58(37)e-6 of HPQCD arXiv:2207.13371."""
    cards = [card_of(name) for name in ("BR_SM_SD_B+K+_HPQCD", "BR_LD_B+K+")]
    parts = [branching_fractions(card, card.physics_inputs)["BR(B+ -> K+ nu nubar)"] for card in cards]
    assert sum(parts) == pytest.approx(5.5755467379103595e-06, rel=0.0002)


def test_longitudinal_fraction() -> None:
    """FL_SM_B0K*0_BSZ: Lg/(Tv + Ta + Lg) over the whole q2 range, from the angular coefficients of the spectrum."""
    card = card_of("BR_SM_B0K*0_BSZ")
    spectrum = card.model.spectrum(card.decay, card.physics_inputs)
    assert spectrum.continuum is not None
    J = spectrum.continuum.coefficients
    longitudinal = np.zeros_like(J)
    longitudinal[:, [1, 3]] = J[:, [1, 3]]
    nodes = spectrum.continuum.nodes
    fraction = np.trapezoid(integrated(longitudinal), nodes) / np.trapezoid(integrated(J), nodes)
    assert fraction == pytest.approx(0.4877435537153966, rel=0.0002)


def test_flavio_default() -> None:
    """flavio_default_BR_B+K+: flavio 2.7.1 evaluates the z of the fit with its own B0 and K0 masses."""
    fitted = form_factor_set("GRvDV2023", "K")
    form_factors = replace(fitted, constants={"m_B": 5.27966, "m_M": 0.497611})
    constants = Constants.named(
        "flavio",
        m_Bp=5.27934,
        m_Kp=0.493677,
        tau_Bp=2488800398208.0635 * 6.582119569e-25,
        G_F=1.1663788e-05,
        alpha_MZ_inv=1.0 / 0.00781549,
        s2w=0.23121,
        X_t=1.462,
        VtbVts=0.0411997,
    )
    card = card_from_dict({"schema": 1, "model": {"name": "sm"}, "channel": "B+ -> K+"})
    values = branching_fractions(card, Inputs(constants, {"K": form_factors}))
    assert values["BR(B+ -> K+ nu nubar)"] == pytest.approx(4.706121771211241e-06, rel=0.0002)


@pytest.mark.parametrize(
    ("q2", "C_V", "expected"),
    [(5.0, 6.6, 2.6987950797802436e-07), (12.0, 4.6, 1.095748615475175e-07)],
    ids=["EOS_dBRdq2_B+K+_V", "EOS_dBRdq2_B+K+_VR"],
)
def test_eos_differential_branching_fraction(q2: float, C_V: float, expected: float) -> None:
    """dBR/dq2 of EOS 1.0.21, alpha_e(m_b) and C_VL + C_VR (6.6 and 6.6 - 2.0) in place of X_t/s2w."""
    constants = Constants.named(
        "eos",
        m_Bp=5.27934,
        m_Kp=0.493677,
        G_F=1.1663787e-05,
        alpha_MZ_inv=1.0 / 0.007518796992481203,
        s2w=0.23121,
        X_t=C_V * 0.23121,
        VtbVts=0.04117549192573447,
    )
    inputs = Inputs(constants, {"K": EOS_FORM_FACTORS})
    density = integrated(short_distance_density(np.array([q2]), channel("B+ -> K+"), inputs))
    assert branching_fraction(float(density[0]), 1.641e-12) == pytest.approx(expected, rel=1e-5)


def published() -> Iterator[tuple[str, str, str, str]]:
    """Paper, quantity, the number as printed, and that of bkgen with as many digits."""
    for row in (row for row in [*CARDS, *FUNCTIONS] if "published" in row):
        if "card" in row:
            value = {found.name: found.value for found in rates(card_of(row["name"]))}[row["quantity"]]
        else:
            value = evaluate({"call": row["call"], "args": row["args"]})
        printed = row["published"]
        yield printed["paper"], printed["quantity"], printed["value"], shown(value, printed["value"])


def shown(value: float, printed: str) -> str:
    """A number with the digits of another one, as 4.97(37)e-06."""
    digits = re.sub(r"\(.*?\)|e.*", "", printed).replace(".", "").lstrip("0")
    return f"{value:.{len(digits)}g}"


def section() -> str:
    """The part of docs/validation.md on publications."""
    header = ("paper", "quantity", "published", "bkgen")
    text = "More reference numbers are in `tests/reference`; where a paper is wrong is in [](errata.md)."
    return agreement.section("Publications", header, list(published()), text)


def test_the_checked_in_table_is_this_one() -> None:
    assert agreement.sections()["Publications"] == section()


@pytest.mark.parametrize("row", list(published()), ids=lambda row: row[1])
def test_published_numbers(row: tuple[str, str, str, str]) -> None:
    """To the printed error in units of the last digits, or within one of the last digit."""
    _, _, printed, ours = row
    match = re.fullmatch(r"([\d.]+)(?:\((\d+)\))?(e-\d+)?", printed)
    assert match
    number, error, exponent = match.groups()
    last = float(f"1e-{len(number.partition('.')[2])}") * float(f"1{exponent or ''}")
    assert abs(float(ours) - float(number + (exponent or ""))) <= 1.01 * last * int(error or 1)


if __name__ == "__main__":
    agreement.write(section())
