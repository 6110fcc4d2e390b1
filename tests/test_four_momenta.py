"""Four-momenta of every topology: mass shells, conservation, frames, and zeros where a daughter is absent."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from four_vectors import INPUTS, Columns, boosted, columns_of, four, mass_squared, sample_of, to_Y4S
from hypothesis import given, settings
from hypothesis import strategies as st

from bkgen.channels import CHANNELS
from bkgen.generator import Beam, Sample
from bkgen.kinematics import q2_rec
from bkgen.models.alp import ALP
from bkgen.models.base import Model
from bkgen.models.continuum import Continuum
from bkgen.models.dark_higgs import DarkHiggs, ScalarDM, Zprime
from bkgen.models.kst_toy import KstToy
from bkgen.models.sm import StandardModel

TOLERANCE = 1e-10
DAUGHTERS = ("d1", "d2", "d11", "d12", "d21", "d22")
END_POINT = CHANNELS["B+ -> K+"].q2_max(INPUTS.constants) ** 0.5
DARK_HIGGS = DarkHiggs(
    name="dark_higgs",
    m_H1=2.0,
    sin_theta=4e-3,
    X=ScalarDM(m_X=0.3, lambda_PhiX=3e-4),
    Zp=Zprime(m_Zp=0.8, g_X=1e-2, Q_Phi=1.0),
)
ALP_MODEL = ALP(name="alp", m_a=2.0, f_a=1e8, C_chi=1e2, m_chi=0.01)

Frame = Literal["lab", "Y4S", "B"]
Topology = Literal["none", "pair", "cascade"]


def assert_on_shell(p: np.ndarray, mass: np.ndarray | float) -> None:
    """|E^2 - p^2 - m^2| < 1e-10 E^2."""
    assert np.all(np.abs(mass_squared(p) - np.square(mass)) <= TOLERANCE * p[:, 3] ** 2)


def assert_sum(columns: Columns, parent: str, daughters: tuple[str, str], rows: np.ndarray) -> None:
    """Every component of the daughters adds up to the parent, within 1e-10 of the parent's energy."""
    p = four(columns, parent)[rows]
    total = sum(four(columns, name)[rows] for name in daughters)
    assert np.all(np.abs(total - p) <= TOLERANCE * p[:, 3:])


def assert_decays(sample: Sample, columns: Columns) -> None:
    """Mass shells, conservation and zeros of the daughters of X, mode by mode."""
    present = [name for name in DAUGHTERS if f"{name}_E" in columns]
    for index, mode in enumerate(sample.modes):
        rows = columns["mode"] == index
        names = DAUGHTERS[: len(mode.masses)]
        for name, mass in zip(names, mode.masses, strict=True):
            assert_on_shell(four(columns, name)[rows], mass)
        if mode.masses:
            assert_sum(columns, "X", ("d1", "d2"), rows)
        if mode.topology == "cascade":
            assert_sum(columns, "d1", ("d11", "d12"), rows)
            assert_sum(columns, "d2", ("d21", "d22"), rows)
        for name in present[len(names) :]:
            assert not np.any(four(columns, name)[rows])


def assert_physical(sample: Sample, columns: Columns) -> None:
    """All mass shells, and conservation of four-momentum in every decay."""
    constants, channel = sample.job.inputs.constants, sample.job.channel
    everything = np.ones(len(columns["q2"]), dtype=bool)
    assert all(np.all(np.isfinite(values)) for values in columns.values())
    assert_on_shell(four(columns, "B"), channel.m_B(constants))
    assert_on_shell(four(columns, channel.prefix), channel.m_H(constants))
    assert_on_shell(four(columns, "X"), np.sqrt(columns["q2"]))
    assert_sum(columns, "B", (channel.prefix, "X"), everything)
    for daughter, mass in zip(channel.daughters, channel.daughter_masses(constants), strict=True):
        assert_on_shell(four(columns, daughter.prefix), mass)
    if channel.daughters:
        first, second = (daughter.prefix for daughter in channel.daughters)
        assert_sum(columns, channel.prefix, (first, second), everything)
    assert_decays(sample, columns)


@pytest.mark.parametrize(
    ("model", "channel"),
    [
        pytest.param(StandardModel(name="sm"), "B+ -> K+", id="sm"),
        pytest.param(StandardModel(name="sm"), "B0 -> K0", id="sm-K0"),
        pytest.param(StandardModel(name="sm", component="long_distance"), "B+ -> K+", id="long-distance"),
        pytest.param(ALP_MODEL, "B+ -> K+", id="alp"),
        pytest.param(DARK_HIGGS, "B+ -> K+", id="dark-higgs"),
        pytest.param(KstToy(name="kst_toy"), "B+ -> K*+", id="Kst+"),
        pytest.param(KstToy(name="kst_toy", m_d=0.4), "B0 -> K*0", id="Kst0"),
    ],
)
@pytest.mark.parametrize("frame", ["lab", "Y4S", "B"])
def test_models(model: Model, channel: str, frame: Frame) -> None:
    """Every shipped model in every frame."""
    sample = sample_of(model, channel, frame=frame)
    assert_physical(sample, columns_of(sample))


def test_every_mode_occurs() -> None:
    """The dark Higgs sample holds pairs, cascades and undecayed X, so the zeros of absent daughters are tested."""
    sample = sample_of(DARK_HIGGS)
    modes = columns_of(sample, ["mode"])["mode"]
    assert {sample.modes[i].topology for i in np.unique(modes)} >= {"pair", "cascade"}
    alp = sample_of(ALP_MODEL)
    assert {alp.modes[i].topology for i in np.unique(columns_of(alp, ["mode"])["mode"])} == {"pair", "none"}


@pytest.mark.parametrize("topology", ["none", "pair", "cascade"])
@pytest.mark.parametrize("channel", ["B+ -> K+", "B+ -> K*+", "Bs -> phi"])
@pytest.mark.parametrize("m_d", [0.0, 0.5])
def test_topologies_at_rest(topology: Topology, channel: str, m_d: float) -> None:
    """Every topology with both hadron spins, massless and massive daughters, for a B at rest."""
    if topology == "cascade":
        m_d += 0.2  # massless particles do not decay
    kind: dict[str, Any] = {"topology": topology, "m_d": m_d}
    spin_0 = channel == "B+ -> K+"
    model = Continuum(name="continuum", **kind) if spin_0 else KstToy(name="kst_toy", **kind)
    sample = sample_of(model, channel, beam=Beam(at_rest=True), luminosity=None)
    columns = columns_of(sample)
    assert_physical(sample, columns)
    m_B = sample.plan.m_B
    assert np.array_equal(four(columns, "B"), np.broadcast_to([0.0, 0.0, 0.0, m_B], (len(columns["q2"]), 4)))
    np.testing.assert_allclose(columns["q2_rec"], columns["q2"], rtol=0.0, atol=1e-12 * m_B**2)


@pytest.mark.parametrize("topology", ["none", "pair", "cascade"])
@pytest.mark.parametrize(
    ("m_line", "m_d"),
    [
        pytest.param(1.0, 0.5, id="pair-at-threshold"),
        pytest.param(END_POINT * (1.0 - 1e-12), 1.0, id="end-point"),
        pytest.param(3.98, 1.99, id="heavy-pair-at-threshold"),
        pytest.param(1e-3, 5e-4, id="light"),
    ],
)
def test_threshold_edges(topology: Topology, m_line: float, m_d: float) -> None:
    """X at the threshold of its daughters, X at the end point of the B decay, and a very light X."""
    model = Continuum(name="continuum", m_line=m_line, line_fraction=1.0, m_d=m_d, topology=topology)
    sample = sample_of(model, events=2_000)
    assert_physical(sample, columns_of(sample))


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    mass=st.floats(-3.0, np.log10(END_POINT * 0.999999)).map(lambda power: 10.0**power),
    share=st.floats(0.01, 1.0),
    sqrt_s=st.floats(10.56, 12.0),
    boost=st.tuples(*[st.floats(-2.0, 2.0)] * 3),
    topology=st.sampled_from(["none", "pair", "cascade"]),
    frame=st.sampled_from(["lab", "Y4S", "B"]),
)
def test_any_mass_and_boost(
    mass: float, share: float, sqrt_s: float, boost: tuple[float, float, float], topology: Topology, frame: Frame
) -> None:
    """Any mass of X from 1 MeV to the end point, any mass of its daughters, any beam."""
    m_d = min(0.5 * mass * share, 1.99)
    model = Continuum(name="continuum", m_line=mass, line_fraction=1.0, m_d=m_d, topology=topology)
    sample = sample_of(model, events=100, beam=Beam(sqrt_s, boost), frame=frame)
    assert_physical(sample, columns_of(sample))


BOOST = (0.0432, -0.1, 0.284)
MOVING = Beam(10.579, BOOST)


@pytest.mark.parametrize(
    ("model", "channel"),
    [(KstToy(name="kst_toy", topology="cascade", m_d=0.6), "B0 -> K*0"), (DARK_HIGGS, "B+ -> K+")],
)
def test_frames_show_the_same_events(model: Model, channel: str) -> None:
    """Y(4S) and B frame are connected by the boost of each B; the lab holds the same invariants.

    The frame of a B reached from the lab is turned against the one reached from the Y(4S) (Wigner rotation), which an
    isotropic decay does not see: the B itself agrees in all frames, its daughters up to that rotation.
    """
    lab, upsilon, rest = (
        columns_of(sample_of(model, channel, events=5_000, beam=MOVING, frame=frame)) for frame in ("lab", "Y4S", "B")
    )
    prefixes = [name[:-2] for name in lab if name.endswith("_E")]
    B = four(upsilon, "B")
    u_B = B[:, :3] / np.sqrt(mass_squared(B))[:, None]
    np.testing.assert_allclose(to_Y4S(four(lab, "B"), BOOST), B, rtol=0.0, atol=1e-12)
    for prefix in prefixes:
        np.testing.assert_allclose(boosted(four(rest, prefix), u_B), four(upsilon, prefix), rtol=0.0, atol=1e-12)
        for other in prefixes:
            here, there = (mass_squared(four(c, prefix) + four(c, other)) for c in (lab, upsilon))
            np.testing.assert_allclose(here, there, rtol=0.0, atol=1e-10)


def test_q2_rec_is_that_of_the_written_hadron() -> None:
    """q2_rec of a perfect detector: s/4 + m_H^2 - sqrt(s) E_H with the hadron energy in the Y(4S) frame."""
    sample = sample_of(StandardModel(name="sm"), beam=MOVING)
    columns = columns_of(sample)
    E = to_Y4S(four(columns, "K"), BOOST)[:, 3]
    expected = q2_rec(MOVING.sqrt_s, sample.plan.m_H, E)
    np.testing.assert_allclose(columns["q2_rec"], expected, rtol=0.0, atol=1e-12 * MOVING.sqrt_s**2)
