"""The figures of the papers and talks: every one can be drawn, and their numbers are those of the sources."""

from __future__ import annotations

import hashlib
import re
import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import typer
from bkgen_analysis import figures
from bkgen_analysis.figures import calibbi, dark_higgs, gabrielli, lmu_ltau
from bkgen_analysis.figures.drawing import Drawing, captions, crossings
from bkgen_analysis.figures.quoted import quoted, two_body_fit
from bkgen_analysis.figures.roots import root_near
from typer.testing import CliRunner

from bkgen import cli
from bkgen.errors import InputError

COARSE = 5
GALLERY = Path(__file__).parent.parent / "docs" / "_static" / "figures"


@cache
def drawn(name: str) -> Drawing:
    """A figure on a coarse grid."""
    return figures.FIGURES[name].draw(COARSE)


@pytest.mark.parametrize("name", figures.FIGURES)
def test_every_figure_can_be_drawn(name: str) -> None:
    """It has axes with labels, and a caption without a gap."""
    drawing, figure = drawn(name), figures.FIGURES[name]
    assert drawing.figure.axes
    assert all(axes.get_xlabel() for axes in drawing.figure.axes[-1:])
    assert all(np.isfinite(value) for value in drawing.numbers.values())
    caption = figure.caption(drawing)
    assert len(caption) > 200
    assert not re.search(r"[{}]|nan", caption)
    assert figure.title
    assert re.search(r"arXiv:\d{4}\.\d{5}", figure.source)


def test_captions_and_figures_have_the_same_names() -> None:
    assert set(captions()) == set(figures.FIGURES)


def test_gallery_holds_every_figure() -> None:
    """Its pictures are small, and its captions are those of the registry, up to numbers."""
    assert {path.name for path in GALLERY.iterdir() if path.suffix != ".pdf"} == {
        f"{name}.{end}" for name in figures.FIGURES for end in ("png", "txt")
    }
    number = re.compile(r"[\d.]+(e[+-]?\d+)?")
    for name, figure in figures.FIGURES.items():
        assert (GALLERY / f"{name}.png").stat().st_size < 150_000
        shown = (GALLERY / f"{name}.txt").read_text(encoding="utf-8").split()
        expected = figures.text(figure, figure.caption(drawn(name))).split()
        assert [number.sub("", word) for word in shown] == [number.sub("", word) for word in expected]


# --- arXiv:2502.04900


def test_alp_in_equilibrium() -> None:
    """At 6e-9 GeV^-1 scatterings win for 1.6 < T < 157 GeV, decays for 0.24 < T < 6.3 GeV; at 1e-8 as specified."""
    rates = calibbi.thermalisation(200)
    assert crossings(rates.T, rates.scatterings) == pytest.approx([1.6, 157.0], rel=0.01)
    assert crossings(rates.T, rates.decays) == pytest.approx([0.24, 6.3], rel=0.01)
    scale = (1e-8 / 6e-9) ** 2
    at_m_b = [scale * float(np.interp(4.18, rates.T, y)) for y in (rates.decays, rates.scatterings)]
    assert at_m_b == pytest.approx([7.7659, 12.558], rel=0.02)
    assert scale * float(np.interp(41.8, rates.T, rates.scatterings)) == pytest.approx(7.36, rel=0.02)


def test_frozen_in_density() -> None:
    """Omega h2 = 0.113 and 0.096 with an ALP in equilibrium."""
    numbers = drawn("calibbi-1-right").numbers
    assert numbers["omega"] == pytest.approx(0.11344, rel=0.02)
    assert numbers["omega_eq"] == pytest.approx(0.09599, rel=0.01)


def test_couplings_of_frozen_in_dark_matter() -> None:
    """m_chi at 6e-9, the coupling at 15 keV, and the ends of the bands."""
    numbers = drawn("calibbi-2").numbers
    assert numbers["m_chi_MeV"] == pytest.approx(3.0567, rel=0.01)
    assert numbers["C_chi_warm"] == pytest.approx(1.7474e-5, rel=0.02)
    bands = [numbers[name] for name in ("f_a_low", "f_a_high", "f_a_low_2", "f_a_high_2")]
    assert bands == pytest.approx([1.51e8, 2.02e8, 1.36e8, 2.26e8], rel=0.005)
    assert numbers["growth"] == pytest.approx(2.86 / 0.1134, rel=0.02)  # Omega h2 = 2.86 at C_q/f_a = 1e-9 GeV^-1


def test_lines_of_mass_are_solutions_of_the_relic_density() -> None:
    """A point of a line, with the whole Boltzmann equations, has the observed density."""
    C_q = np.array([6e-9])
    C_chi = float(calibbi.relic_C_chi(1e-2, C_q, calibbi.relic_yields(C_q))[0])
    assert C_chi == pytest.approx(6e-9 * (3.0567 / 10.0) ** 1.5, rel=0.01)  # m^3 C^2 is constant for light chi
    assert calibbi.relic_mass(C_chi, float(calibbi.relic_yields(C_q)[0])) == pytest.approx(1e-2, rel=1e-6)


def test_dark_photon_plane() -> None:
    """delta of the excess, the ratio to K*0 and alpha_X of the relic density; m_psi^2/m_X^2 corrections are 10%."""
    numbers = drawn("calibbi-3").numbers
    delta = np.array([3.331136e-3, 4.469188e-3])
    rates = calibbi.dark_photon_plane(delta).BR_K
    assert rates == pytest.approx([5e-6, 9e-6], rel=2e-3)
    assert numbers["ratio"] == pytest.approx(1.4945, rel=2e-3)
    assert numbers["alpha_light"] == pytest.approx(1.3814e-3, rel=0.15)  # expansion in T/m
    assert numbers["alpha_heavy"] == pytest.approx(1.8041e-4, rel=0.15)
    assert calibbi.kst_limit() == pytest.approx(1.8e-5 - 0.86e-5, rel=0.01)


# --- arXiv:2402.05901


def test_sommerfeld_factor_and_standard_model() -> None:
    """The factor of about 5 is 4.5 and 6.4; eq. (3.10) gives 4.38e-6."""
    numbers = drawn("gabrielli-1").numbers
    assert (numbers["factor_0_7"], numbers["factor_1"]) == pytest.approx((4.52, 6.40), rel=2e-3)
    assert numbers["factor_1_printed"] == pytest.approx(1.0 / 1.013, rel=2e-3)
    assert numbers["sm"] == pytest.approx(4.38e-6, rel=2e-3)


@pytest.mark.parametrize(("m_Q", "alpha_D"), [(0.1, 0.3948541), (0.5, 0.4130496), (1.0, 0.4797489)])
def test_coupling_of_the_excess_at_the_scale_of_the_paper(m_Q: float, alpha_D: float) -> None:
    assert gabrielli.alpha_D_of_rate(1.9e-5, m_Q, 9.56e7) == pytest.approx(alpha_D, rel=1e-5)


def test_photon_rate_is_four_times_that_of_the_paper() -> None:
    """At T_1(0) of the paper, 0.72 becomes 2.9 and the bound 1.91e5 TeV."""
    as_printed = quoted("gabrielli_photon_rate").value
    assert gabrielli.photon_rate() == pytest.approx(1.20e-4, rel=0.01)
    assert gabrielli.photon_rate() == pytest.approx(4.0 * gabrielli.photon_rate(as_printed=True), rel=1e-12)
    at_one = 3.0 * as_printed / gabrielli.pair_rate(1.0, 0.0)
    assert at_one == pytest.approx(quoted("gabrielli_ratio").value, rel=0.01)
    Lambda = gabrielli.smallest_Lambda(2.7e-5) * np.sqrt(4.0 * as_printed / gabrielli.photon_rate())
    assert Lambda == pytest.approx(1.913e8, rel=1e-3)


# --- talks


def test_zero_width_formula_of_the_talk() -> None:
    """BR = 1.9e-5 at m_H1 = 6 GeV and lambda = 1, without width."""
    found = dark_higgs.zero_width_lambda(1e-3, np.array([6.0]), 1.9e-5)
    assert found[0] == pytest.approx(1.0, rel=0.02)


def test_semi_annihilation_couplings() -> None:
    """lambda_3 of the specification at 0.1 to 100 GeV for light bosons, times sqrt(2) where Xbar H1 is closed."""
    numbers = drawn("talks-z3").numbers
    contact = [numbers[f"contact_{name}"] for name in ("0_1", "1", "10", "100")]
    assert contact == pytest.approx([2.4e-5, 2.4e-4, 1.78e-3, 1.66e-2], rel=0.03)
    closed = [numbers[f"lambda_{name}"] / numbers[f"contact_{name}"] for name in ("0_1", "1")]
    assert closed == pytest.approx([2.0**0.5] * 2, rel=0.03)


def test_three_body_rate_is_out_of_reach() -> None:
    """The relic coupling gives less than the largest rates with the self-energy of H1, 7.4e-6 and 4.5e-6."""
    numbers = drawn("talks-relic-coupling").numbers
    assert 1e-7 < numbers["rate_5"] < 7.4e-6
    assert 1e-7 < numbers["rate_6"] < 4.5e-6


def test_two_body_fit_is_that_of_the_likelihood() -> None:
    """8.5e-6 to 8.8e-6 at 2 GeV, 2.7 sigma for the Standard Model with free strength."""
    numbers = drawn("talks-q2-shapes").numbers
    assert 8.4e-6 < numbers["BR_two"] < 8.9e-6
    assert numbers["z_sm"] == pytest.approx(2.7, abs=0.1)
    assert numbers["z_two"] > numbers["z_vector"] > numbers["z_scalar"]


def test_mixing_of_the_fits() -> None:
    """sin_theta of BR = 5.1e-6, 9.2e-6, 1.8e-5 at 2 GeV, and the invisible decays of the Higgs boson."""
    numbers = drawn("talks-mixing").numbers
    found = [numbers[name] for name in ("both", "likelihood", "excess")]
    assert found == pytest.approx([3.04e-3, 4.09e-3, 5.72e-3], rel=2e-3)
    assert numbers["Higgs"] == pytest.approx(6.4e-3, rel=0.01)  # 10.7%
    assert dark_higgs.invisible_higgs_mixing(0.13, 2.0, dark_higgs.BENCHMARK) == pytest.approx(7.17e-3, rel=2e-3)
    assert numbers["low"] < numbers["fit"] < numbers["high"]
    kaons = dark_higgs.mixing(np.array([0.2, 0.13]))
    assert np.all(np.isfinite(kaons.KOTO))
    assert np.isfinite(kaons.NA62).tolist() == [True, False]  # the gap at the mass of the pi0


def test_gauge_boson_of_lmu_ltau() -> None:
    """Tridents, g - 2 and N_eff at 11.5 MeV, and the largest g_X beside the excess."""
    numbers = drawn("talks-lmu-ltau").numbers
    assert numbers["tridents"] == pytest.approx(8.9624e-4, rel=5e-3)
    assert numbers["neutrinos"] == pytest.approx(0.473, abs=0.002)
    assert numbers["neutrinos_weak"] == pytest.approx(0.354, abs=0.002)
    assert lmu_ltau.g_X_of_a_mu(np.array([0.0115]), 2.40e-9)[0] == pytest.approx(5e-4, rel=2e-3)
    assert numbers["g_likelihood"] < numbers["g_global"] < 1.57e-4  # 1.17e-4 and 1.57e-4 for BR(h -> inv) < 13%


# --- helpers and data


def test_root_near() -> None:
    """Found in both directions; NaN at the end of the range of the function."""

    def f(x: float) -> float:
        if x > 50.0:
            raise InputError("too large")
        return float(np.log(3.0 / x))

    assert root_near(f, 0.1) == pytest.approx(3.0, rel=1e-3)
    assert root_near(f, 40.0) == pytest.approx(3.0, rel=1e-3)
    assert np.isnan(root_near(lambda x: f(x) + 5.0, 1.0))
    assert np.isnan(root_near(f, 60.0))


def test_data_are_those_of_their_sources() -> None:
    folder = files("bkgen_analysis") / "data" / "figures"
    source = tomllib.loads((folder / "SOURCE.toml").read_text(encoding="utf-8"))
    for name, entry in source.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == entry["sha256"], name
    assert {path.name for path in folder.iterdir()} == {"SOURCE.toml", *source}
    m_X, best, low, high = two_body_fit().T
    assert np.all(np.diff(m_X) > 0.0)
    assert np.all((low <= best) & (best <= high))
    at_2 = [float(np.interp(2.0, m_X, y)) for y in (best, low, high)]
    assert at_2 == pytest.approx([5.0e-6, 2.9e-6, 7.1e-6], rel=0.03)


# --- command


def command(*words: object) -> tuple[int, str, str]:
    """Exit code, standard output and error output of `bkgen figures`."""
    app = typer.Typer(cls=cli.Commands)
    cli.add_plugins(app)
    result = CliRunner().invoke(app, ["figures", *map(str, words)], catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


def test_command_writes_pictures_and_captions(tmp_path: Path) -> None:
    """Three files, nothing on stdout; existing ones are replaced only with --force."""
    folder = tmp_path / "new"
    code, out, err = command("calibbi-1-left", "-o", folder)
    assert (code, out) == (0, "")
    assert {path.name for path in folder.iterdir()} == {f"calibbi-1-left.{end}" for end in ("png", "pdf", "txt")}
    caption = (folder / "calibbi-1-left.txt").read_text(encoding="utf-8")
    assert caption in err
    assert "1.6 < T < 158 GeV" in " ".join(caption.split())
    before = (folder / "calibbi-1-left.png").read_bytes()
    code, _, err = command("calibbi-1-left", "-o", folder)
    assert code == 2
    assert err.count("exists; use --force") == 3
    assert command("calibbi-1-left", "-o", folder, "--force")[0] == 0
    assert (folder / "calibbi-1-left.png").read_bytes() == before


def test_command_lists_and_refuses(tmp_path: Path) -> None:
    code, out, _ = command("--list")
    assert code == 0
    assert all(name in out for name in figures.FIGURES)
    code, _, err = command("calibi-2", "nothing", "-o", tmp_path)
    assert code == 2
    assert err.splitlines() == [
        "unknown figure calibi-2 (did you mean calibbi-2?), see bkgen figures --list",
        "unknown figure nothing, see bkgen figures --list",
    ]
    (tmp_path / "file").write_text("")
    assert command("calibbi-2", "-o", tmp_path / "file")[0] == 2
