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
SETS = [form_factor_set(name, "K") for name in available("K")]
by_name = pytest.mark.parametrize("ff", SETS, ids=lambda ff: ff.name)


def values_at_points(ff: FormFactorSet) -> np.ndarray:
    return np.array([ff.value(name, q2) for name, q2 in zip(POINTS["form_factors"], POINTS["q2"], strict=True)])


def test_available_sets() -> None:
    assert {"HPQCD2022", "GRvDV2023"} <= set(available("K"))


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


@by_name
def test_vector_and_scalar_form_factor_meet_at_zero(ff: FormFactorSet) -> None:
    assert ff.f_plus(0.0) == pytest.approx(ff.f_0(0.0), rel=1e-15)
    shifted = ff.shifted(ff.sample(np.random.default_rng(1), 1)[0])
    assert shifted.f_plus(0.0) == pytest.approx(shifted.f_0(0.0), rel=1e-14)


@by_name
def test_arrays_and_scalars_agree(ff: FormFactorSet) -> None:
    q2 = np.array([[0.0, 3.0], [12.0, 22.0]])
    for name in ("f_plus", "f_0", "f_T"):
        result = getattr(ff, name)(q2)
        assert result.shape == q2.shape
        assert result[1, 0] == pytest.approx(getattr(ff, name)(12.0), rel=1e-15)
        assert type(getattr(ff, name)(12.0)) is float
        assert getattr(formfactors, name)(q2, set=ff.name) == pytest.approx(result, rel=0)


@by_name
def test_form_factors_rise_over_the_physical_range(ff: FormFactorSet) -> None:
    q2 = np.linspace(-1.0, ff.t_minus, 200)
    for name in ("f_plus", "f_0", "f_T"):
        assert np.all(np.diff(ff.value(name, q2)) > 0.0)


@by_name
@pytest.mark.parametrize("q2", [40.0, 33.4, np.inf, -np.inf, np.nan, np.array([1.0, 40.0])])
def test_domain(ff: FormFactorSet, q2: Any) -> None:
    for name in ("f_plus", "f_0", "f_T"):
        with pytest.raises(ValueError, match="needs finite q2 <"):
            ff.value(name, q2)


def test_domain_ends_at_the_pole() -> None:
    ff = form_factor_set("HPQCD2022", "K")
    pole = ff.poles["f_plus"] ** 2
    assert np.isfinite(ff.f_plus(pole * (1.0 - 1e-9)))
    with pytest.raises(ValueError, match="needs finite q2 <"):
        ff.f_plus(pole)
    assert np.isfinite(ff.f_0(pole))


@by_name
def test_eigen_shifts(ff: FormFactorSet) -> None:
    shifts = ff.eigen_shifts()
    covariance = np.array(ff.covariance)
    assert shifts.T @ shifts == pytest.approx(covariance, rel=1e-9, abs=1e-9 * np.abs(covariance).max())
    lengths = np.linalg.norm(shifts, axis=1)
    assert np.all(np.diff(lengths) <= 0.0)
    assert np.all(shifts[np.arange(len(shifts)), np.argmax(np.abs(shifts), axis=1)] > 0.0)


def test_samples_have_the_covariance() -> None:
    ff = form_factor_set("HPQCD2022", "K")
    n = 40_000
    shifts = ff.sample(np.random.default_rng(7), n)
    assert shifts.shape == (n, len(ff.parameters))
    sigma = np.sqrt(np.diag(ff.covariance))
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
