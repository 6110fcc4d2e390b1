"""Form factors: exact relations, published covariance, domain, variations and the digest of the inputs."""

from __future__ import annotations

import dataclasses
import pickle
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bkgen import formfactors
from bkgen.constants import Constants
from bkgen.formfactors import FormFactorSet, Inputs, available, form_factor_set

POINTS = tomllib.loads(
    (Path(__file__).parent / "reference" / "hpqcd2022_synthetic_points.toml").read_text(encoding="utf-8")
)
B_TO_K = ("f_plus", "f_0", "f_T")
B_TO_V = ("V", "A_0", "A_1", "A_12", "T_1", "T_2", "T_23")
DERIVED = ("A_2", "T_3")


def all_sets(*transitions: str) -> list[FormFactorSet]:
    return [form_factor_set(name, transition) for transition in transitions for name in available(transition)]


def each(sets: list[FormFactorSet]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("ff", sets, ids=lambda ff: f"{ff.transition}-{ff.name}")


SETS = all_sets("K", "Kst", "phi")
to_K, to_V, every = each(all_sets("K")), each(all_sets("Kst", "phi")), each(SETS)
with_covariance = each([ff for ff in SETS if ff.covariance is not None])


def random_shifts(ff: FormFactorSet, n: int) -> list[np.ndarray]:
    """Shifts of every parameter by about its own size: relations must hold for those too."""
    return list(np.random.default_rng(1).normal(0.0, 1.0, (n, len(ff.parameters))))


def values_at_points(ff: FormFactorSet) -> np.ndarray:
    return np.array([ff.value(name, q2) for name, q2 in zip(POINTS["form_factors"], POINTS["q2"], strict=True)])


def test_available_sets() -> None:
    assert set(available("K")) >= {"HPQCD2022", "GRvDV2023", "FLAG2021", "LCSR_KMPW2010"}
    for transition in ("Kst", "phi"):
        assert set(available(transition)) >= {"BSZ2015", "GRvDV2023"}
    assert Inputs.default().form_factors.keys() == {"K", "Kst", "phi"}


@every
def test_form_factors_of_a_transition(ff: FormFactorSet) -> None:
    assert set(ff.form_factors) == set(B_TO_K if ff.transition == "K" else (*B_TO_V, *DERIVED))
    assert {name for terms in ff.coefficients.values() for name in terms} == set(ff.parameters)


def test_hpqcd_reproduces_the_published_points() -> None:
    assert values_at_points(form_factor_set("HPQCD2022", "K")) == pytest.approx(POINTS["means"], rel=1e-6)


def test_hpqcd_reproduces_the_published_covariance() -> None:
    ff = form_factor_set("HPQCD2022", "K")
    # The form factors are linear in the parameters, so unit shifts give the exact Jacobian.
    jacobian = np.array([values_at_points(ff.shifted(unit)) for unit in np.eye(len(ff.parameters))])
    covariance = (jacobian - values_at_points(ff)).T @ np.array(ff.covariance) @ (jacobian - values_at_points(ff))
    published = np.array(POINTS["covariance"])
    assert np.diag(covariance) == pytest.approx(np.diag(published), rel=1e-3)
    scale = np.sqrt(np.outer(np.diag(published), np.diag(published)))
    assert np.abs((covariance - published) / scale).max() < 1e-3


def test_flag_reproduces_the_errors_of_the_published_points() -> None:
    """Errors and the correlations with the first point of the EOS constraint B->K::f_0+f_++f_T@FLAG:2021A."""
    ff = form_factor_set("FLAG2021", "K")
    points = {"f_plus": [16.905, 19.905, 22.905], "f_0": [19.905, 22.905], "f_T": [16.905, 19.905, 22.905]}

    def values(form_factors: FormFactorSet) -> np.ndarray:
        return np.concatenate([form_factors.value(name, np.array(q2)) for name, q2 in points.items()])

    # Linear in the parameters: f_0(0) = f_plus(0) is a linear relation between them.
    jacobian = np.array([values(ff.shifted(unit)) - values(ff) for unit in np.eye(len(ff.parameters))])
    covariance = jacobian.T @ np.array(ff.covariance) @ jacobian
    sigma = np.sqrt(np.diag(covariance))
    errors = [0.0198015, 0.0251022, 0.0456204, 0.00911615, 0.013918, 0.0266823, 0.0337653, 0.0626779]
    assert sigma == pytest.approx(errors, rel=2e-6)
    correlation = [1.0, 0.867848, 0.508089, 0.597724, 0.323606, 0.719692, 0.608892, 0.361997]
    assert covariance[0] / sigma / sigma[0] == pytest.approx(correlation, abs=2e-6)


@to_K
def test_vector_and_scalar_form_factor_meet_at_zero(ff: FormFactorSet) -> None:
    assert ff.f_plus(0.0) == pytest.approx(ff.f_0(0.0), rel=1e-14)
    for shift in random_shifts(ff, 20):
        shifted = ff.shifted(shift)
        assert shifted.f_plus(0.0) == pytest.approx(shifted.f_0(0.0), rel=1e-12)


@to_V
def test_exact_relations_at_zero(ff: FormFactorSet) -> None:
    """T_1(0) = T_2(0) and A_12(0) from A_0(0): A_0(0) is then (m_B + m_V) A_1 - (m_B - m_V) A_2 over 2 m_V."""
    m_B, m_V = ff.constants["m_B"], ff.constants["m_M"]
    for shift in [np.zeros(len(ff.parameters)), *random_shifts(ff, 20)]:
        shifted = ff.shifted(shift)
        assert shifted.T_1(0.0) == shifted.T_2(0.0)
        ratio = (m_B**2 - m_V**2) / (8.0 * m_B * m_V)
        assert shifted.A_12(0.0) == pytest.approx(ratio * shifted.A_0(0.0), rel=1e-14)
        expected = ((m_B + m_V) * shifted.A_1(0.0) - (m_B - m_V) * shifted.A_2(0.0)) / (2.0 * m_V)
        assert shifted.A_0(0.0) == pytest.approx(expected, rel=1e-11, abs=1e-11)


@to_V
def test_derived_form_factors_give_back_the_fitted_ones(ff: FormFactorSet) -> None:
    """The definitions of A_12 and T_23, up to the end point; lambda is written out in powers of the masses."""
    m_B, m_V = ff.constants["m_B"], ff.constants["m_M"]
    q2 = np.concatenate([np.linspace(-2.0, 0.98 * ff.t_minus, 50), ff.t_minus * (1.0 - np.array([1e-3, 1e-6, 1e-9]))])
    kallen = m_B**4 + m_V**4 + q2**2 - 2.0 * (m_B**2 * m_V**2 + m_B**2 * q2 + m_V**2 * q2)
    difference, total = m_B**2 - m_V**2, m_B + m_V
    A_12 = (total**2 * (difference - q2) * ff.A_1(q2) - kallen * ff.A_2(q2)) / (16.0 * m_B * m_V**2 * total)
    T_23 = difference * (m_B**2 + 3.0 * m_V**2 - q2) * ff.T_2(q2) - kallen * ff.T_3(q2)
    T_23 /= 8.0 * m_B * m_V**2 * (m_B - m_V)
    # Near the end point the written-out lambda, not A_2 or T_3, is rounded.
    tolerance = 1e-12 + 1e-12 * m_B**4 / kallen
    assert np.all(np.abs(A_12 / ff.A_12(q2) - 1.0) < tolerance)
    assert np.all(np.abs(T_23 / ff.T_23(q2) - 1.0) < tolerance)


def test_derived_form_factors_need_both_fitted_ones() -> None:
    ff = form_factor_set("BSZ2015", "Kst")
    part = dataclasses.replace(ff, coefficients={name: ff.coefficients[name] for name in ("A_0", "A_1", "T_2", "T_23")})
    assert part.form_factors == ("A_0", "A_1", "T_2", "T_23", "T_3")
    with pytest.raises(ValueError, match="no form factor 'A_2'"):
        part.A_2(1.0)


def test_coefficient_of_A_12_that_is_its_own() -> None:
    """The factor at q2 = 0 belongs to the relation with A_0, not to A_12."""
    ff = form_factor_set("BSZ2015", "Kst")
    own = dataclasses.replace(ff, coefficients={"A_12": ("a0_A_1", "a1_A_12", "a2_A_12")})
    assert own.A_12(0.0) == ff.A_1(0.0)


@every
def test_arrays_and_scalars_agree(ff: FormFactorSet) -> None:
    q2 = np.array([[0.0, 3.0], [12.0, 16.0]])
    for name in ff.form_factors:
        result = getattr(ff, name)(q2)
        assert result.shape == q2.shape
        assert result[1, 0] == pytest.approx(getattr(ff, name)(12.0), rel=1e-15)
        assert type(getattr(ff, name)(12.0)) is float
        assert getattr(formfactors, name)(q2, set=ff.name, transition=ff.transition) == pytest.approx(result, rel=0)


def test_defaults_of_the_functions() -> None:
    for name in (*B_TO_V, *DERIVED):
        assert getattr(formfactors, name)(5.0) == form_factor_set("BSZ2015", "Kst").value(name, 5.0)


@every
def test_form_factors_rise_over_the_physical_range(ff: FormFactorSet) -> None:
    q2 = np.linspace(-1.0, ff.t_minus, 200)
    for name in set(ff.form_factors) - set(DERIVED):
        assert np.all(np.diff(ff.value(name, q2)) > 0.0), name


@every
@pytest.mark.parametrize("q2", [50.0, 41.0, np.inf, -np.inf, np.nan, np.array([1.0, 50.0])])
def test_domain(ff: FormFactorSet, q2: Any) -> None:
    for name in ff.form_factors:
        with pytest.raises(ValueError, match="needs finite q2 <"):
            ff.value(name, q2)


@every
def test_domain_ends_at_the_first_singularity(ff: FormFactorSet) -> None:
    for name in ff.form_factors:
        limit = ff.q2_limit(name)
        first = min(ff.t_plus, ff.poles.get(name, np.inf) ** 2)
        assert limit == (ff.t_minus if name in DERIVED else first)
        assert np.isfinite(ff.value(name, limit * (1.0 - 1e-12)))
        with pytest.raises(ValueError, match="needs finite q2 <"):
            ff.value(name, limit)


@to_V
def test_end_point_of_the_fit(ff: FormFactorSet) -> None:
    for name, regular in (("A_2", "A_12"), ("T_3", "T_23")):
        with pytest.raises(ValueError, match=f"{regular} is regular there"):
            ff.value(name, ff.t_minus)
        assert np.isfinite(ff.value(regular, ff.t_minus))


def test_scalar_form_factor_of_kmpw_has_no_pole() -> None:
    """f_0 is exactly quadratic in z, and goes on to the cut beyond the pole of f_plus."""
    ff = form_factor_set("LCSR_KMPW2010", "K")
    z = np.linspace(-0.3, 0.1, 9)
    t_0 = ff.t_plus * (1.0 - np.sqrt(1.0 - ff.t_minus / ff.t_plus))
    # q2 as a function of z, the inverse of the conformal map.
    q2 = ff.t_plus - (ff.t_plus - t_0) * ((1.0 + z) / (1.0 - z)) ** 2
    f_0 = ff.f_0(q2)
    assert np.diff(f_0, n=3) == pytest.approx(np.zeros(6), abs=1e-14)
    assert np.diff(f_0, n=2) == pytest.approx(np.full(7, 0.34 * -4.3 * 0.05**2), rel=1e-9)
    assert np.isfinite(ff.f_0(5.412**2))
    with pytest.raises(ValueError, match="needs finite q2 <"):
        ff.f_plus(5.412**2)


def test_domain_ends_at_the_pole() -> None:
    ff = form_factor_set("HPQCD2022", "K")
    pole = ff.poles["f_plus"] ** 2
    assert np.isfinite(ff.f_plus(pole * (1.0 - 1e-9)))
    with pytest.raises(ValueError, match="needs finite q2 <"):
        ff.f_plus(pole)
    assert np.isfinite(ff.f_0(pole))


@with_covariance
def test_covariance_is_symmetric_and_positive(ff: FormFactorSet) -> None:
    covariance = np.array(ff.covariance)
    assert np.array_equal(covariance, covariance.T)
    sigma = np.sqrt(np.diag(covariance))
    assert np.all(sigma > 0.0)
    assert np.linalg.eigvalsh(covariance / np.outer(sigma, sigma))[0] > -1e-9


@with_covariance
def test_eigen_shifts(ff: FormFactorSet) -> None:
    shifts = ff.eigen_shifts()
    covariance = np.array(ff.covariance)
    assert shifts.T @ shifts == pytest.approx(covariance, rel=1e-9, abs=1e-9 * np.abs(covariance).max())
    lengths = np.linalg.norm(shifts, axis=1)
    assert np.all(np.diff(lengths) <= 0.0)
    assert np.all(shifts[np.arange(len(shifts)), np.argmax(np.abs(shifts), axis=1)] > 0.0)


def test_set_without_covariance() -> None:
    """Central values and shifts by hand work; what needs the uncertainty says that there is none."""
    ff = form_factor_set("LCSR_KMPW2010", "K")
    assert ff.covariance is None
    assert ff.shifted([0.01, 0.0, 0.0, 0.0, 0.0]).f_plus(0.0) == pytest.approx(0.35, rel=1e-14)
    with pytest.raises(ValueError, match="LCSR_KMPW2010 was published without covariance"):
        ff.eigen_shifts()
    with pytest.raises(ValueError, match="without covariance"):
        ff.sample(np.random.default_rng(1), 3)
    inputs = Inputs(Constants.named(), {"K": ff})
    assert inputs.to_dict()["form_factors"]["K"]["covariance"] is None
    assert len(inputs.sha256) == 64


def test_samples_have_the_covariance() -> None:
    ff = form_factor_set("HPQCD2022", "K")
    n = 40_000
    shifts = ff.sample(np.random.default_rng(7), n)
    assert shifts.shape == (n, len(ff.parameters))
    sigma = np.sqrt(np.diag(np.array(ff.covariance)))
    pulls = shifts / sigma
    assert np.abs(pulls.mean(axis=0)).max() < 5.0 / np.sqrt(n)
    correlation = np.array(ff.covariance) / np.outer(sigma, sigma)
    assert np.abs(np.cov(pulls.T) - correlation).max() < 5.0 * np.sqrt(2.0 / n)


@pytest.mark.parametrize("vector", [[1.0], np.zeros((8, 1)), [np.nan] * 8])
def test_bad_shifts(vector: list[float]) -> None:
    with pytest.raises(ValueError, match="finite shift of 8 parameters"):
        form_factor_set("HPQCD2022", "K").shifted(vector)


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match="did you mean HPQCD2022"):
        form_factor_set("HPQCD2020", "K")
    with pytest.raises(ValueError, match=r"GRvDV2023.*HPQCD2022"):
        form_factor_set("xyz", "K")
    with pytest.raises(ValueError, match="no form factors for the transition 'D'"):
        form_factor_set("HPQCD2022", "D")
    with pytest.raises(ValueError, match="no form factor 'A_0'"):
        form_factor_set("HPQCD2022", "K").value("A_0", 1.0)
    with pytest.raises(ValueError, match=r"'HPQCD2022' for the transition to Kst.*BSZ2015"):
        form_factor_set("HPQCD2022", "Kst")
    with pytest.raises(ValueError, match=r"no form factor 'f_plus'.*Kst"):
        form_factor_set("BSZ2015", "Kst").f_plus(1.0)


@pytest.mark.parametrize(
    "change",
    [
        {"central": (1.0,)},
        {"covariance": ((1.0,),)},
        {"covariance": tuple(tuple(float(i) for i in range(8)) for _ in range(8))},
        {"parametrisation": "BZS"},
    ],
)
def test_inconsistent_sets_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="HPQCD2022"):
        dataclasses.replace(form_factor_set("HPQCD2022", "K"), **change)


def test_negative_covariance_is_refused() -> None:
    ff = form_factor_set("HPQCD2022", "K")
    covariance = np.diag([-1.0] + [1.0] * 7).tolist()
    broken = dataclasses.replace(ff, covariance=tuple(tuple(row) for row in covariance))
    with pytest.raises(ValueError, match="positive semi-definite"):
        broken.eigen_shifts()


def test_inputs_digest() -> None:
    inputs = Inputs.default()
    assert inputs.form_factor("K").name == "HPQCD2022"
    assert inputs.sha256 == Inputs.default().sha256
    assert pickle.loads(pickle.dumps(inputs)) == inputs
    shift = inputs.form_factor("K").eigen_shifts()[0]
    shifted = inputs.with_shift("K", shift)
    assert inputs.form_factor("K").name == shifted.form_factor("K").name
    changed = dataclasses.replace(inputs, constants=Constants.named("default", m_b=4.2))
    assert len({inputs.sha256, shifted.sha256, changed.sha256}) == 3
    assert shifted.with_shift("K", -shift).form_factor("K").central == pytest.approx(
        inputs.form_factor("K").central, rel=1e-12
    )


def test_inputs_without_a_transition() -> None:
    with pytest.raises(ValueError, match="'phi'"):
        Inputs(Constants.named(), {"K": form_factor_set("HPQCD2022", "K")}).form_factor("phi")
