"""The same events from any number of workers, for smaller and larger samples, and from a file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from four_vectors import INPUTS, Columns, columns_of, four, sample_of, to_Y4S
from numpy.testing import assert_allclose

import bkgen
from bkgen.detector import detect
from bkgen.detector_presets import Detector
from bkgen.generator import CHUNK, EventBatch, Sample
from bkgen.io.metadata import content_sha256
from bkgen.jobs import sample_of as sample_of_card
from bkgen.kinematics import q2_rec
from bkgen.models.alp import ALP
from bkgen.models.continuum import Continuum
from bkgen.models.kst_toy import KstToy
from bkgen.models.sm import StandardModel
from bkgen.streams import Purpose, stream

EVENTS = 400_000
SM = StandardModel(name="sm")
ITA = Detector.preset("belle2-ita")


@cache
def reference() -> Sample:
    """Standard Model events through the default detector, four chunks."""
    return sample_of(SM, events=EVENTS, detector=ITA)


@cache
def reference_columns() -> Columns:
    return columns_of(reference())


def digests(sample: Sample, workers: int) -> list[bytes]:
    """Digest of every chunk, generated into memory that is used again, as for a file."""
    return [digest for _, digest in sample.stream_chunks(workers)]


def test_any_number_of_workers() -> None:
    """Bit for bit the same chunks, in the same order, from 1, 2 and 8 threads."""
    assert reference().n_chunks == 4
    one = digests(reference(), 1)
    assert len(set(one)) == 4
    for workers in (2, 8):
        assert digests(reference(), workers) == one
        assert [batch.digest() for batch in reference().chunks(workers)] == one


@pytest.mark.parametrize("small", [CHUNK + 1_000, CHUNK, 777])
def test_a_larger_sample_extends_a_smaller_one(small: int) -> None:
    """All columns but the weight, those of the detector included."""
    whole = reference_columns()
    part = columns_of(sample_of(SM, events=small, detector=ITA))
    assert part.keys() == whole.keys()
    for name in part.keys() - {"weight"}:
        assert np.array_equal(part[name], whole[name][:small]), name
    assert_allclose(part["weight"] * small, whole["weight"][:small] * EVENTS, rtol=1e-14)


def test_another_seed() -> None:
    """Another seed gives other events and another digest; the same seed the same."""
    first, again, other = (sample_of(SM, events=1_000, seed=seed, detector=ITA) for seed in (1, 1, 2))
    assert first.chunk(0).digest() == again.chunk(0).digest() != other.chunk(0).digest()
    assert not np.any(first.chunk(0).columns["q2"] == other.chunk(0).columns["q2"])


def test_chunks_and_purposes_have_their_own_streams() -> None:
    """No two streams share a state, and no chunk repeats the events of another."""
    states = [tuple(stream(seed, k, purpose)) for seed in (1, 2) for k in (0, 1) for purpose in Purpose]
    assert len(set(states)) == len(states)
    q2 = reference_columns()["q2"]
    assert not np.any(q2[:CHUNK] == q2[CHUNK : 2 * CHUNK])


def test_the_digest_covers_values_names_and_chunk() -> None:
    """Another value in one event, another name or another chunk number changes the digest."""
    columns = {"a": np.arange(3.0), "b": np.arange(3, dtype=np.int16)}
    batches = [
        EventBatch(columns),
        EventBatch(columns, chunk=1),
        EventBatch({"a": columns["a"], "c": columns["b"]}),
        EventBatch({"a": np.array([0.0, 1.0, 2.0 + 1e-15]), "b": columns["b"]}),
    ]
    assert len({batch.digest() for batch in batches}) == len(batches)


@pytest.mark.parametrize("channel", ["B+ -> K+", "B0 -> K*0"])
def test_single_precision(channel: str) -> None:
    """float32 files hold the same events, rounded; integers and flags are the same."""
    model = SM if channel == "B+ -> K+" else KstToy(name="kst_toy", topology="cascade", m_d=0.3)
    wide, narrow = (columns_of(sample_of(model, channel, dtype=dtype)) for dtype in ("float64", "float32"))
    assert list(wide) == list(narrow)
    for name, values in wide.items():
        if values.dtype == np.float64:
            assert narrow[name].dtype == np.float32
            assert np.array_equal(narrow[name], values.astype(np.float32))
        else:
            assert narrow[name].dtype == values.dtype
            assert np.array_equal(narrow[name], values)


def test_slim_columns() -> None:
    """The slim layout drops four-momenta and vertices and leaves the rest as it is."""
    model = ALP(name="alp", m_a=2.0, f_a=1e8, C_chi=1e2, m_chi=0.01)
    full, slim = (columns_of(sample_of(model, columns=columns)) for columns in ("all", "slim"))
    dropped = {n for n in full if n.rpartition("_")[2] in ("px", "py", "pz", "E") or n.startswith("X_decay")}
    assert slim.keys() == full.keys() - dropped
    assert "X_decay_t" in dropped
    for name, values in slim.items():
        assert np.array_equal(values, full[name])


def test_weights_sum_to_the_expected_decays() -> None:
    """N_B x luminosity x BR; half the luminosity halves it; without one the weights sum to the branching fraction."""
    sample = reference()
    constants = INPUTS.constants
    expected = 2.0 * constants.f_pm * constants.N_BB_per_fb * 362.0 * sample.branching_fraction
    assert sample.expected_decays == pytest.approx(expected, rel=1e-12)
    assert reference_columns()["weight"].sum() == pytest.approx(expected, rel=1e-9)
    half = columns_of(sample_of(SM, luminosity=181.0), ["weight"])["weight"].sum()
    assert half == pytest.approx(0.5 * expected, rel=1e-9)
    none = sample_of(SM, luminosity=None)
    assert columns_of(none, ["weight"])["weight"].sum() == pytest.approx(none.branching_fraction, rel=1e-9)


# --- detector on a file


def card(path: Path, **changes: Any) -> dict[str, Any]:
    """A Standard Model card of two chunks that writes into that folder."""
    base: dict[str, Any] = {
        "schema": 1,
        "model": {"name": "sm"},
        "channel": "B+ -> K+",
        "luminosity": 362,
        "generate": {"events": 150_000, "seed": 4},
        "detector": "belle2-ita",
        "output": {"path": str(path / "events.root")},
    }
    return {**base, **changes}


def perfect_q2_rec(columns: Columns, sample: Sample) -> np.ndarray:
    """q2_rec from the written hadron, boosted from the lab to the Y(4S) frame."""
    beam = sample.job.beam
    E = to_Y4S(four(columns, sample.job.channel.prefix), beam.boost)[:, 3]
    return np.asarray(q2_rec(beam.sqrt_s, sample.plan.m_H, E))


def unseen(columns: Columns, sample: Sample) -> np.ndarray:
    """1 where X is not seen: an invisible mode, or a decay beyond L_det."""
    invisible = np.array([mode.invisible for mode in sample.modes])[columns["mode"]]
    if "X_decay_x" in columns:
        distance = np.sqrt(sum(columns[f"X_decay_{axis}"] ** 2 for axis in "xyz"))
        invisible = invisible | (distance > 1e3 * sample.job.detector.L_det)
    return invisible.astype(np.float64)


@pytest.mark.parametrize("detector", ["belle2-ita", "belle2-hta", "kinematics", "ideal"])
@pytest.mark.parametrize(
    "model",
    [
        pytest.param({"name": "sm"}, id="sm"),
        pytest.param({"name": "alp", "m_a": 2.0, "f_a": 1.0e7}, id="displaced"),
    ],
)
def test_detector_applied_again_to_a_file(tmp_path: Path, detector: str, model: dict[str, Any]) -> None:
    """With the same stream the detector gives the columns of the file again, from the momenta in the file."""
    settings = bkgen.load_card(card(tmp_path, detector=detector, model=model))
    bkgen.run(settings, workers=2)
    batch = bkgen.open(settings.output.path)
    columns, sample = batch.columns, sample_of_card(settings)
    measured, flags = perfect_q2_rec(columns, sample), unseen(columns, sample)
    n = len(batch)
    efficiency, eta_bin, accepted = np.empty(n), np.empty(n, dtype=np.int8), np.empty(n, dtype=np.bool_)
    for k in range(sample.n_chunks):
        rows = slice(k * CHUNK, (k + 1) * CHUNK)
        detect(
            stream(4, k, Purpose.DETECTOR), sample.response, columns["q2"][rows], measured[rows], flags[rows],
            efficiency[rows], eta_bin[rows], accepted[rows],
        )  # fmt: skip
    assert_allclose(measured, columns["q2_rec"], rtol=0.0, atol=1e-11)
    assert_allclose(efficiency, columns["efficiency"], rtol=1e-14)
    assert np.array_equal(eta_bin, columns["eta_bin"])
    assert np.array_equal(accepted, columns["accepted"])


def test_a_file_holds_the_events_of_the_sample(tmp_path: Path) -> None:
    """Columns of the file bit for bit, and its digest, from any number of workers."""
    settings = bkgen.load_card(card(tmp_path))
    result = bkgen.run(settings, workers=2)
    batch = bkgen.open(settings.output.path)
    expected = columns_of(sample_of_card(settings))
    assert list(batch.columns) == list(expected)
    assert all(np.array_equal(batch.columns[name], values) for name, values in expected.items())
    again = bkgen.run(settings, workers=1, force=True)
    assert again.content_sha256 == result.content_sha256 == content_sha256(digests(sample_of_card(settings), 8))


def test_settings_of_the_detector_leave_the_events_alone() -> None:
    """Four-momenta, true q2, angles and modes do not depend on the detector."""
    ideal, smeared = (
        columns_of(sample_of(Continuum(name="continuum", m_d=0.3), detector=Detector.preset(name)))
        for name in ("ideal", "belle2-ita")
    )
    own = {"q2_rec", "efficiency", "eta_bin", "accepted"}
    for name in ideal.keys() - own:
        assert np.array_equal(ideal[name], smeared[name]), name
    assert not np.array_equal(ideal["q2_rec"], smeared["q2_rec"])
