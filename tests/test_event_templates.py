"""Templates counted from event files against the exact bin integrals of the same card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot
from bkgen_analysis import event_templates, points
from bkgen_analysis.cli import register
from bkgen_analysis.event_templates import Columns
from bkgen_analysis.responses import Array, official
from scipy.stats import chi2
from typer.testing import CliRunner

from bkgen import api, cli
from bkgen.card import Card, card_from_dict
from bkgen.errors import InputError
from bkgen.quantities import invisible_branching

ALP = {"name": "alp", "m_a": 2.0, "f_a": 1e8, "C_q": 1.0, "C_G_UV": 8.0, "C_chi": 5.0, "m_chi": 0.5}


def card(model: dict[str, Any], path: Path, events: int = 200_000, **settings: Any) -> Card:
    """A card with an output file."""
    block = {"schema": 1, "channel": "B+ -> K+", "generate": {"events": events, "seed": 11}, **settings}
    return card_from_dict({**block, "model": model, "output": {"path": str(path)}})


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Card, Path]:
    """Events of the effective theory, with a spectrum over the whole range."""
    path = tmp_path_factory.mktemp("events") / "wet.root"
    job = card({"name": "wet", "C_VL": 9.0, "C_SL": 4.0}, path, luminosity=1000.0)
    api.run(job)
    return job, path


def chi_squared(counted: Array, exact: Array, events: int, total: float) -> tuple[float, int]:
    """Pearson's chi2 of the bins that expect 10 events or more, and the number of those bins."""
    weight = total / events
    used = exact > 10.0 * weight
    return float(np.sum((counted - exact)[used] ** 2 / (exact[used] * weight))), int(used.sum())


def test_bins_agree_with_the_exact_integrals(sample: tuple[Card, Path]) -> None:
    """chi2 of the counted bins has a p-value of at least 1e-3, and that of a wrong weighting has none."""
    job, path = sample
    exact = invisible_branching(job, official().edges)
    _, here = event_templates.point_of_file(path)
    events = api.open(path).numpy()
    unit = here.branching / float(np.sum(events["weight"]))
    columns = {name: events[name] for name in Columns._fields}
    counted = event_templates.count([Columns(**columns)], unit)
    value, n = chi_squared(counted.bins, exact, here.events, here.branching)
    assert n > 80
    assert 1e-3 < chi2.sf(value, n) < 1.0 - 1e-3
    for wrong in (events["efficiency"], events["accepted"].astype(float)):
        biased = event_templates.count([Columns(columns["q2"], columns["weight"] * wrong, columns["p_invisible"])], 1.0)
        bins = biased.bins * here.branching / biased.total  # even with the right normalisation
        assert chi2.sf(chi_squared(bins, exact, here.events, here.branching)[0], n) < 1e-9


def test_template_agrees_within_its_covariance(sample: tuple[Card, Path]) -> None:
    """Template and branching fraction of the file are those of the card, within statistics."""
    job, path = sample
    read, here = event_templates.point_of_file(path)
    exact = points.point(job)
    assert read.resolved() == job.resolved()
    assert here.events == 200_000
    assert here.branching == pytest.approx(exact.branching, rel=1e-12)  # fixed, X is always unseen
    sigma = np.sqrt(np.diag(here.covariance))
    signal = official().expected > 0.0
    assert np.all(np.abs(here.template - exact.template)[signal] < 4.0 * sigma[signal])
    assert np.all(here.template[~signal] == 0.0)
    assert 1e-3 < here.template_error < 1e-2
    assert here.fraction_outside == pytest.approx(exact.fraction_outside, abs=1e-4)
    assert not event_templates.warnings(here)


def test_covariance_is_that_of_repeated_samples() -> None:
    """Spread of 3000 small samples with weights and decays that may be seen, against the covariance of one."""
    edges = official().edges
    rng = np.random.default_rng(5)
    n = 400

    def columns() -> Columns:
        q2 = np.where(rng.random(n) < 0.7, 0.5 * (edges[3] + edges[4]), 0.5 * (edges[9] + edges[10]))
        return Columns(q2, np.full(n, 2.0), rng.uniform(0.5, 1.0, n))

    bins = np.array([event_templates.count([columns()], 1e-6).bins[[3, 9]] for _ in range(3000)])
    claimed = event_templates.count([columns()], 1e-6).covariance[np.ix_([3, 9], [3, 9])]
    found = np.cov(bins.T)
    np.testing.assert_allclose(
        found / np.sqrt(np.outer(*[np.diag(claimed)] * 2)),
        claimed / np.sqrt(np.outer(*[np.diag(claimed)] * 2)),
        atol=0.12,
    )
    assert claimed[0, 1] < 0.0


def test_line_with_displaced_decays(tmp_path: Path) -> None:
    """A line is in one bin; p_invisible of the events averages to that of the card."""
    job = card(ALP, tmp_path / "alp.root", events=50_000)
    api.run(job)
    _, here = event_templates.point_of_file(tmp_path / "alp.root")
    exact = points.point(job)
    assert 1e-5 < here.template_error < 1e-3
    assert here.branching == pytest.approx(exact.branching, rel=4.0 * here.template_error)
    np.testing.assert_allclose(here.template, exact.template, rtol=4.0 * here.template_error)
    whole = event_templates.count(
        [Columns(*(api.open(tmp_path / "alp.root").numpy()[n] for n in Columns._fields))], 1.0
    )
    assert np.count_nonzero(whole.bins) == 1


def test_normalisation_is_that_of_the_branching_fraction(tmp_path: Path) -> None:
    """Luminosity, type of the numbers and number of parts that are read do not matter."""
    model = {"name": "wet", "C_VL": 9.0}
    first, second = tmp_path / "a.root", tmp_path / "b.root"
    api.run(card(model, first, events=3000))
    slim = {"path": str(second), "dtype": "float32", "columns": "slim"}
    api.run(card_from_dict({**card(model, second, events=3000, luminosity=5e4).resolved(), "output": slim}))
    a, b = (event_templates.point_of_file(path)[1] for path in (first, second))
    assert a.branching == pytest.approx(b.branching, rel=1e-6)
    np.testing.assert_allclose(a.template, b.template, rtol=1e-5)
    events = api.open(first).numpy()
    columns = Columns(*(events[name] for name in Columns._fields))
    whole = event_templates.count([columns], 1.0)
    halves = event_templates.count([Columns(*(c[s] for c in columns)) for s in (slice(1000), slice(1000, None))], 1.0)
    np.testing.assert_allclose(whole.bins, halves.bins, rtol=1e-12)
    np.testing.assert_allclose(whole.covariance, halves.covariance, atol=1e-12 * whole.covariance.max())


def test_few_events_are_warned_about(tmp_path: Path) -> None:
    """The command line takes a file, gives template_error and warns where it matters."""
    if "fit" not in {command.callback.__name__ for command in cli.app.registered_commands if command.callback}:
        register(cli.app)
    api.run(card({"name": "wet", "C_VL": 9.0}, tmp_path / "few.root", events=2000))
    done = CliRunner().invoke(cli.app, ["fit", str(tmp_path / "few.root"), "--json"])
    assert done.exit_code == 0
    answer = json.loads(done.stdout)
    assert answer["quantities"]["template_error"]["value"] > 0.01
    assert any("statistical error" in text for text in answer["warnings"])
    assert "statistical error" in done.stderr


def test_foreign_files_are_refused_in_one_line(tmp_path: Path) -> None:
    """Missing, damaged, foreign files, other channels, files without the metadata."""
    other = tmp_path / "kst.root"
    api.run(card({"name": "sm"}, other, events=100, channel="B0 -> K*0"))
    text, bare = tmp_path / "text.root", tmp_path / "bare.root"
    text.write_text("no ROOT file", encoding="utf-8")
    with uproot.recreate(bare) as file:
        file.mktree("events", {"q2": "f8"})
        file["events"].extend({"q2": np.ones(3)})
        file["metadata"] = json.dumps({"bkgen": "0", "card": card({"name": "sm"}, bare).resolved()})
    wanted = {
        tmp_path / "none.root": "no such file",
        text: "not an event file",
        other: r"holds B0 -> K\*0",
        bare: "its metadata are not those of an event file of this version",
    }
    for path, message in wanted.items():
        with pytest.raises(InputError, match=message) as caught:
            event_templates.point_of_file(path)
        assert len(str(caught.value).splitlines()) == 1


def test_not_finite_numbers_are_refused() -> None:
    """A damaged weight cannot pass as a template."""
    with pytest.raises(ValueError, match="not finite"):
        event_templates.count([Columns(np.ones(1), np.array([np.nan]), np.ones(1))], 1.0)
