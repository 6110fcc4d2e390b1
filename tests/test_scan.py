"""Scans: grids, what is scanned, interruption and resumption, best points and the look-elsewhere effect."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bkgen_analysis import look_elsewhere, points, scan
from bkgen_analysis.fit import fit
from bkgen_analysis.likelihood import official
from bkgen_analysis.limits import limit_card
from bkgen_analysis.minimise import minimise
from bkgen_analysis.scan import Axis, Scan, read_axis
from processes import bkgen

from bkgen.api import load_card
from bkgen.card import Card
from bkgen.errors import InputError, MissingExtra
from bkgen.exclusions import constraints

CARDS = Path(__file__).parent.parent / "cards"
CARD = CARDS / "dark_higgs.yaml"


@pytest.fixture(scope="module")
def card() -> Card:
    return load_card(CARD)


@pytest.fixture(scope="module")
def alp() -> Card:
    return load_card(CARDS / "alp.yaml")


def grid(*texts: str) -> tuple[Axis, ...]:
    return tuple(map(read_axis, texts))


# --- axes ---


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("m_H1=1:3:5", [1.0, 1.5, 2.0, 2.5, 3.0]),
        ("f_a=log:1e6:1e8:3", [1e6, 1e7, 1e8]),
        ("Zp.g_X=1,2,4", [1.0, 2.0, 4.0]),
        (" m_H1 = 2 ", [2.0]),
    ],
)
def test_axes(text: str, values: list[float]) -> None:
    axis = read_axis(text)
    assert axis.name == text.split("=")[0].strip()
    np.testing.assert_allclose(axis.values, values)


@pytest.mark.parametrize(
    "text",
    ["m_H1", "=1:2:3", "m=1:2", "m=1:2:3:4", "m=a,b", "m=log:1,2", "m=log:0:1:3", "m=1:2:0", "m=1:2:2.5", "m=1,inf"],
)
def test_axes_that_cannot_be_read(text: str) -> None:
    with pytest.raises(InputError) as error:
        read_axis(text)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("axes", "what", "message"),
    [
        ((), "fit", "one or two axes"),
        (("m_H1=1,2", "m_H1=1,2"), "fit", "different"),
        (("m_H1=1,2", "BR=1e-6,2e-6"), "fit", "only with --what nll"),
        (("m_H=1,2",), "fit", "did you mean m_H1"),
        (("Zp.g=1,2",), "fit", "unknown parameter"),
        (("m_H1=0:1:1000000", "sin_theta=0:1:2"), "rates", "more than"),
    ],
)
def test_scans_that_cannot_be_done(card: Card, axes: tuple[str, ...], what: scan.What, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Scan(card, grid(*axes), what)


def test_names() -> None:
    assert scan.read_what("limit") == "limit"
    with pytest.raises(InputError, match="must be one of"):
        scan.read_what("limits")


# --- what is scanned ---


def test_fit_is_that_of_the_card(card: Card) -> None:
    result = scan.run(Scan(card, grid("m_H1=1.7,2.1,3"), "fit"))
    expected = fit(points.point(card.with_model(m_H1=2.1)).template)
    assert result.arrays["mu"][1] == expected.mu
    assert result.arrays["mu_lower"][1] == expected.interval_68[0]
    assert result.arrays["z"][1] == pytest.approx(expected.z_sm)
    assert result.arrays["z"][2] < 0.0
    assert result.units["m_H1"] == "GeV"
    assert not result.warnings


def test_limit_is_that_of_the_card(card: Card) -> None:
    result = scan.run(Scan(card, grid("m_H1=2.1"), "limit", cl=0.95))
    expected, here = limit_card(card.with_model(m_H1=2.1), 0.95)
    assert result.arrays["obs"][0] == expected.obs
    assert result.arrays["exp[-2]"][0] == expected.exp[0]
    assert result.arrays["BR(exp[1])"][0] == pytest.approx(expected.exp[3] * here.branching)


def test_constraints_along_a_lifetime(alp: Card) -> None:
    """Verdicts and ratios are those of the points; a limit that does not apply has no value."""
    axis = grid("f_a=5e7,1e8,2e8")
    result = scan.run(Scan(alp, axis, "constraints"))
    points = [constraints(alp.with_model(f_a=value)) for value in axis[0].values]
    assert result.arrays["excluded"].tolist() == [float(point.excluded) for point in points] == [1.0, 1.0, 0.0]
    strongest = [point.strongest.ratio for point in points if point.strongest is not None]
    assert result.arrays["strongest ratio"].tolist() == strongest
    assert {quantity.name: quantity.value for quantity in scan.summary(result)} == {"points": 3, "allowed points": 1}
    assert result.warnings == []
    visible = alp.with_model(C_q=0.1, C_G_UV=0.0, C_l=1.0, C_chi=0.0, m_chi=None)
    curves = scan.run(Scan(visible, grid("f_a=1e4,1e6"), "constraints")).arrays
    assert "ratio(lhcb_kmumu)" in curves
    assert np.isfinite(curves["ratio(lhcb_kmumu)"]).tolist() in ([True, False], [False, True])


def test_rates_over_two_parameters(card: Card) -> None:
    result = scan.run(Scan(card, grid("m_H1=1,2,3", "sin_theta=log:1e-3:1e-2:2"), "rates"))
    rates = result.arrays["BR(B+ -> K+ H1)"]
    assert rates.shape == (3, 2)
    np.testing.assert_allclose(rates[:, 1] / rates[:, 0], 100.0, rtol=1e-6)


def test_likelihood_of_mass_and_branching_fraction(card: Card) -> None:
    """-2 ln L at each point is a conditional minimum; the order of the axes does not matter."""
    result = scan.run(Scan(card, grid("m_H1=2,2.1,2.3", "BR=0:1.2e-5:4"), "nll"))
    swapped = scan.run(Scan(card, grid("BR=0:1.2e-5:4", "m_H1=2,2.1,2.3"), "nll"))
    values = result.arrays["twice_nll"]
    assert values.shape == (3, 4)
    np.testing.assert_array_equal(values, swapped.arrays["twice_nll"].T)
    np.testing.assert_allclose(values[:, 0], -15.9572, atol=1e-3)  # the SM, whatever the mass
    here = points.point(card.with_model(m_H1=2.1))
    free = fit(here.template)
    alone = minimise(official(), free.minimum.signal, strength=8e-6 / here.branching)
    assert values[1, 2] == pytest.approx(alone.twice_nll, abs=1e-6)
    assert result.arrays["delta_twice_nll"].min() == 0.0


def test_likelihood_of_the_model_as_it_is(card: Card) -> None:
    """Without the axis BR the strength is 1."""
    result = scan.run(Scan(card, grid("sin_theta=1e-3,4e-3"), "nll"))
    here = points.point(card)
    free = fit(here.template)
    alone = minimise(official(), free.minimum.signal, strength=1.0)
    assert result.arrays["twice_nll"][1] == pytest.approx(alone.twice_nll, abs=1e-6)
    assert result.arrays["twice_nll"][0] > result.arrays["twice_nll"][1]


def test_failed_points_are_null_with_a_reason(alp: Card) -> None:
    result = scan.run(Scan(alp, grid("m_a=2,6"), "rates"))
    (reason,) = result.warnings
    assert reason.startswith("m_a = 6:")
    assert result.to_dict()["arrays"]["BR(B+ -> K+ inv)"][1] is None
    assert json.dumps(result.to_dict(), allow_nan=False)


# --- files ---


def stop_after(count: int) -> Any:
    """Interrupts when so many points are finished."""
    finished = 0

    def advance(n: int) -> None:
        nonlocal finished
        finished += n
        if finished >= count:
            raise KeyboardInterrupt

    return advance


def test_resumed_scan_is_the_uninterrupted_one(alp: Card, tmp_path: Path) -> None:
    work = Scan(alp, grid("m_a=1.9,2.1,6,2.4", "BR=0:1e-5:3"), "nll")
    whole = scan.run(work)
    path = tmp_path / "scan.json"
    with pytest.raises(KeyboardInterrupt):
        scan.run(work, path, advance=stop_after(6))
    part = scan.part_of(path)
    assert len(part.read_text().splitlines()) == 3
    part.write_text(part.read_text() + '{"values": {"twice')  # killed while writing
    counted: list[int] = []
    resumed = scan.run(work, path, resume=True, advance=counted.append)
    assert resumed.to_dict() == whole.to_dict()
    assert resumed.warnings == whole.warnings
    assert counted == [6, 3, 3]
    scan.write(resumed, {"command": "scan", **resumed.to_dict()}, path)
    assert json.loads(path.read_text())["arrays"] == whole.to_dict()["arrays"]
    assert not part.exists()


def test_part_of_another_scan_is_refused(card: Card, tmp_path: Path) -> None:
    path = tmp_path / "scan.json"
    scan.run(Scan(card, grid("m_H1=1,2"), "rates"), path)
    with pytest.raises(InputError, match="belongs to another card"):
        scan.run(Scan(card, grid("m_H1=1,3"), "rates"), path, resume=True)
    with pytest.raises(InputError, match="--resume"):
        scan.refuse(path, force=False, resume=False)
    scan.refuse(path, force=True, resume=False)
    scan.part_of(path).write_text("nonsense\n")
    with pytest.raises(InputError, match="not the part of a scan"):
        scan.run(Scan(card, grid("m_H1=1,2"), "rates"), path, resume=True)
    path.write_text("{}")
    with pytest.raises(InputError, match="exists"):
        scan.refuse(path, force=False, resume=True)
    with pytest.raises(InputError, match=r"\.json or \.parquet"):
        scan.refuse(tmp_path / "scan.txt", force=False, resume=False)


@pytest.mark.parametrize(
    "changed", [{"reasons": 0.5}, {"reasons": [1]}, {"values": {"x": [10**400]}}, {"values": {"x": []}}]
)
def test_rows_with_other_values_are_refused(changed: dict[str, Any], card: Card, tmp_path: Path) -> None:
    path, work = tmp_path / "scan.json", Scan(card, grid("m_H1=1,2"), "rates")
    scan.run(work, path)
    first, row, other = map(json.loads, scan.part_of(path).read_text().splitlines())
    scan.part_of(path).write_text("".join(json.dumps(line) + "\n" for line in (first, row | changed, other)))
    with pytest.raises(InputError, match="not the part of a scan"):
        scan.run(work, path, resume=True)


def test_processes_give_the_same(card: Card) -> None:
    work = Scan(card, grid("m_H1=1:3:5"), "rates")
    assert scan.run(work, workers=2).to_dict() == scan.run(work).to_dict()


def test_interrupt(tmp_path: Path) -> None:
    """Ctrl-C: exit code 130, the finished points stay, and the scan can be resumed."""
    path = tmp_path / "scan.json"
    words = ["scan", str(CARD), "--what", "rates", "-o", str(path), "--axis", "m_H1=0.5:4.5:30000"]
    process = subprocess.Popen(bkgen(words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    part, deadline = scan.part_of(path), time.monotonic() + 120.0
    while not (part.exists() and part.stat().st_size > 1000):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume" in err
    assert "Traceback" not in err
    assert part.exists()
    assert not path.exists()


def test_parquet(alp: Card, tmp_path: Path) -> None:
    path = tmp_path / "scan.parquet"
    try:
        import pyarrow.parquet
    except ImportError:
        with pytest.raises(MissingExtra, match="formats"):
            scan.refuse(path, force=False, resume=False)
        return
    result = scan.run(Scan(alp, grid("m_a=1,6", "f_a=1e8,2e8"), "rates"))
    scan.write(result, {"command": "scan", **result.to_dict()}, path)
    table = pyarrow.parquet.read_table(path)
    assert table.column_names[:2] == ["m_a", "f_a"]
    assert table["m_a"].to_pylist() == [1.0, 1.0, 6.0, 6.0]
    assert table["BR(B+ -> K+ inv)"].to_pylist()[2:] == [None, None]
    assert json.loads(table.schema.metadata[b"bkgen"])["what"] == "rates"


# --- best point, look-elsewhere effect ---


def test_best_mass(card: Card) -> None:
    """2.1 +0.2 -0.1 GeV, 9.2 +1.8 -3.4 e-6 of arXiv:2602.09666."""
    result = scan.run(Scan(card, grid("m_H1=1.7:2.5:17"), "fit"))
    found = {quantity.name: quantity.value for quantity in scan.summary(result)}
    assert found["best(m_H1)"] == pytest.approx(2.1)
    assert found["interval_68(m_H1)"] == pytest.approx((2.0, 2.18), abs=0.03)
    assert found["BR(fit)"] == pytest.approx(8.5e-6, rel=0.02)
    assert found["z_local"] == pytest.approx(3.63, abs=0.02)


def test_interval_of_a_parabola() -> None:
    values = np.linspace(-3.0, 4.0, 701)
    assert scan.interval_68(values, 5.0 + ((values - 0.5) / 0.7) ** 2) == pytest.approx((-0.2, 1.2), abs=1e-4)
    assert scan.interval_68(values[::-1], ((values[::-1] - 0.5) / 0.7) ** 2) == pytest.approx((-0.2, 1.2), abs=1e-4)
    assert scan.interval_68(values, values) is None


def test_up_crossings() -> None:
    q0 = np.array([[0.0, 1.0], [1.0, 1.0], [0.2, 0.1], [2.0, 0.1]])
    np.testing.assert_array_equal(look_elsewhere.up_crossings(q0), [2.0, 0.0])
    np.testing.assert_array_equal(look_elsewhere.up_crossings(q0[:1]), [0.0, 0.0])


def test_global_significance_from_its_formula() -> None:
    """Without crossings the global significance is the local one; with many there is none left."""
    z, trials = look_elsewhere.combine(3.0, 0.0)
    assert z == pytest.approx(3.0)
    assert trials == pytest.approx(1.0)
    z, trials = look_elsewhere.combine(3.0, 1.0)
    assert 1.0 < z < 3.0
    assert trials > 5.0
    assert look_elsewhere.combine(0.5, 50.0)[0] == 0.0


def test_global_significance(card: Card) -> None:
    """A fit over few masses: less significant than at its best mass alone, and reproducible."""
    result = scan.run(Scan(card, grid("m_H1=1.2,2.1,3"), "fit"))
    first = look_elsewhere.global_significance(card, result, toys=10, seed=1)
    assert first == look_elsewhere.global_significance(card, result, toys=10, seed=1)
    assert first.z_local == pytest.approx(3.63, abs=0.02)
    assert first.z_global < first.z_local
    assert first.trials > 1.0
    limits = scan.run(Scan(card, grid("m_H1=2.1"), "rates"))
    with pytest.raises(InputError, match="fit over one axis"):
        look_elsewhere.global_significance(card, limits, toys=10, seed=1)
    with pytest.raises(InputError, match="--what fit"):
        Scan(card, grid("m_H1=2.1"), "limit").check_global(10, 1)


def test_relic_density() -> None:
    """Omega h2 falls with the coupling; a point without prediction is null with its reason."""
    dark_photon = load_card(CARDS / "dark_photon.yaml")
    result = scan.run(Scan(dark_photon, grid("alpha_X=1e-4,1e-3"), "relic"))
    density = result.arrays["Omega h2"]
    assert density[0] > 30.0 * density[1] > 0.0
    assert result.arrays["freezes out"].tolist() == [1.0, 1.0]
    alp = load_card(CARDS / "alp_freeze_in.yaml")
    result = scan.run(Scan(alp, grid("m_chi=0.5,1.5"), "relic"))
    assert np.isfinite(result.arrays["Omega h2"]).tolist() == [True, False]
    assert "is closed" in result.warnings[0]
