"""Units, named sets of constants and their overrides."""

from __future__ import annotations

import dataclasses
import math

import pytest

from bkgen import constants, units
from bkgen.constants import Constants


def test_units_match_codata() -> None:
    assert pytest.approx(6.582119569e-25, rel=1e-9) == units.HBAR
    assert pytest.approx(1.973269804e-16, rel=1e-9) == units.HBARC
    assert pytest.approx(3.893793721e-28, rel=1e-9) == units.GEV_M2_TO_CM2
    assert pytest.approx(1.1673299905635563e-17, rel=1e-9) == units.GEV_M2_TO_CM3_PER_S
    assert pytest.approx(0.0002184258090283322, rel=1e-9) == units.GEV_M3_TO_CM2_PER_G
    assert pytest.approx(2891.2 / 2.2214551302404972e-38, rel=1e-9) == units.GEV3_TO_PER_CM3
    assert pytest.approx(8.617333262e-14, rel=1e-9) == units.KELVIN


def test_width_and_lifetime_are_inverse() -> None:
    Gamma = units.width_from_lifetime(1.638e-12)
    assert units.lifetime_from_width(Gamma) == pytest.approx(1.638e-12, rel=1e-15)
    assert units.ctau_from_width(Gamma) == pytest.approx(1.638e-12 * units.C, rel=1e-15)


def test_stable_particles() -> None:
    assert units.lifetime_from_width(0.0) == math.inf
    assert units.ctau_from_width(0.0) == math.inf
    assert units.width_from_lifetime(math.inf) == 0.0


@pytest.mark.parametrize("bad", [-1.0, math.nan])
def test_units_refuse_non_physical_values(bad: float) -> None:
    for convert in (units.width_from_lifetime, units.lifetime_from_width, units.ctau_from_width):
        with pytest.raises(ValueError, match="must be positive"):
            convert(bad)
    with pytest.raises(ValueError, match="lifetime must be positive"):
        units.width_from_lifetime(0.0)


def test_every_field_is_described() -> None:
    names = [field.name for field in dataclasses.fields(Constants)]
    rows = constants.describe()
    assert [row.name for row in rows] == names
    assert all(row.unit and row.description and row.source for row in rows)


def test_default_is_the_table() -> None:
    assert Constants.named().to_dict() == {row.name: row.value for row in constants.describe()}


@pytest.mark.parametrize("name", constants.named_sets())
def test_named_sets(name: str) -> None:
    named = constants.named_sets()[name]
    assert named.description
    assert named.source
    assert Constants.named(name).to_dict() == Constants.named().to_dict() | dict(named.values)


def test_names_of_the_sets() -> None:
    expected = ["default", "hpqcd2022", "eos", "flavio", "gabrielli2024", "calibbi2025", "kim2024"]
    assert list(constants.named_sets()) == expected


def test_derived_constants() -> None:
    assert Constants.named().alpha_MZ == 1.0 / 127.952
    assert Constants.named().C_SM_nu == 1.469 / 0.23121
    eos = Constants.named("eos")
    assert eos.C_SM_nu == pytest.approx(6.613, rel=1e-15)
    assert eos.alpha_MZ == pytest.approx(0.007518796992481203, rel=1e-15)
    assert eos.m_b - eos.m_s == pytest.approx(4.0902723067759, rel=1e-15)
    flavio = Constants.named("flavio")
    assert flavio.tau_Bp / units.HBAR == pytest.approx(2488800398208.0635, rel=1e-12)
    assert flavio.tau_B0 / units.HBAR == pytest.approx(2307869836141.2417, rel=1e-12)
    assert flavio.alpha_MZ == pytest.approx(0.00781549, rel=1e-8)


def test_overrides() -> None:
    c = Constants.named("eos", m_b=4, m_t=173.0)
    assert (c.m_b, c.m_t, c.m_Bp) == (4.0, 173.0, 5.27934)
    assert isinstance(c.m_b, float)


def test_every_problem_is_reported_at_once() -> None:
    overrides = {"m_bb": 4.2, "m_t": math.nan, "m_W": -80.0, "G_F": True, "s2w": 1.2, "m_h": 125.0}
    found = constants.problems("eoss", overrides)
    assert [problem.path for problem in found] == [
        ("set",),
        ("m_bb",),
        ("m_t",),
        ("m_W",),
        ("G_F",),
        ("s2w",),
    ]
    assert "did you mean eos?" in found[0].message
    assert "did you mean m_b?" in found[1].message
    with pytest.raises(ValueError, match="unknown input set") as raised:
        Constants.named("eoss", **overrides)
    assert str(raised.value).splitlines() == [problem.message for problem in found]


def test_values_are_checked_and_frozen() -> None:
    c = Constants.named()
    with pytest.raises(ValueError, match="m_b must be finite and positive"):
        dataclasses.replace(c, m_b=0.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        c.__setattr__("m_b", 1.0)
