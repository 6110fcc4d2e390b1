"""The spectrum figure: its numbers and its files."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from bkgen_analysis import files, plots, regions, style
from matplotlib.figure import Figure

from bkgen import api
from bkgen.errors import InputError

CARDS = Path(__file__).parent.parent / "cards"


@pytest.fixture(scope="module")
def event_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Events of the dark Higgs card."""
    path = tmp_path_factory.mktemp("events") / "dark_higgs.root"
    api.run(api.load_card(CARDS / "dark_higgs.yaml").override(events=20_000, path=path))
    return path


def test_file_and_card_give_the_same_spectrum(event_file: Path, tmp_path: Path) -> None:
    """`spectrum` of a file shows the events that `spectrum` of its card makes."""
    from_file = plots.spectra(event_file)
    card = tmp_path / "card.yaml"
    card.write_text((CARDS / "dark_higgs.yaml").read_text().replace("100_000", "20_000"))
    assert np.array_equal(from_file.model.values(), plots.spectra(card).model.values())


def test_selected_standard_model_events(event_file: Path) -> None:
    """160.05 signal events of the SM in the published likelihood, within the 1% that the two efficiencies differ."""
    value, error = plots.spectra(event_file).selected()["sm"]
    assert value == pytest.approx(160.05, rel=0.01)
    assert error < 1.0


@pytest.fixture(scope="module")
def comparison() -> regions.DataComparison:
    """The dark Higgs card fitted to the data."""
    return regions.compare(api.load_card(CARDS / "dark_higgs.yaml"))


def test_regions_hold_the_published_data(comparison: regions.DataComparison) -> None:
    """9293 events in region A; the regions show the same bins; background and signal add up to the data."""
    region_a, bin_by_bin, hadronic = comparison.regions
    assert region_a.data.sum() == 9293
    assert bin_by_bin.data[3:].sum() == 9293
    assert bin_by_bin.data[:3].tolist() == [2946.0, 2945.0, 3098.0]
    assert hadronic.data.tolist() == [110.0, 67.0, 26.0, 28.0, 14.0, 7.0]
    for region in comparison.regions:
        assert np.all(np.abs(region.pulls) < 3.0)
        assert len(region.layout.bins) == len(region.data)
        assert np.all(region.sm > 0.0)
    assert region_a.signal[:2].sum() > 10.0 * region_a.signal[2]


def test_groups_of_backgrounds_are_the_background_of_the_fit(comparison: regions.DataComparison) -> None:
    """Summed over the groups, the samples of the workspace are the background; fit and prediction differ by mu."""
    for region in comparison.regions:
        assert region.background == pytest.approx(region.layout.projection @ comparison.result.background, rel=1e-12)
        predicted = region.sm + region.signal / comparison.result.mu
        assert region.prediction == pytest.approx(predicted, rel=1e-12)


def test_standard_model_and_total_amplitude() -> None:
    """For `sm` the prediction is the official signal; a total amplitude has no SM below it."""
    standard = regions.compare(api.load_card(CARDS / "sm.yaml"))
    assert standard.poi == "sm"
    assert standard.regions[0].prediction == pytest.approx(standard.regions[0].sm)
    assert standard.regions[0].signal == pytest.approx(standard.result.mu * standard.regions[0].sm)
    total = regions.compare(api.load_card(CARDS / "wet.yaml"))
    assert total.poi == "wet"
    assert not np.any(total.regions[0].sm_fitted)


def test_cards_that_cannot_be_fitted_are_shown_with_the_standard_model(tmp_path: Path) -> None:
    """The long-distance part has no fit: the data are shown with the fit of the SM, and a note says so."""
    path = tmp_path / "card.yaml"
    path.write_text("schema: 1\nmodel: {name: sm, component: long_distance}\nchannel: B+ -> K+\n")
    found = regions.compare(api.load_card(path))
    assert (found.poi, found.here) == ("sm", None)
    assert "long-distance" in found.note


def test_figure_files(event_file: Path, comparison: regions.DataComparison, tmp_path: Path) -> None:
    """PNG and PDF are written, the same at every time; existing ones are kept unless forced."""
    result = plots.spectra(event_file)
    stem = tmp_path / "new" / "figure"
    paths = style.save(plots.spectrum_figure(result, comparison), stem)
    assert [path.suffix for path in paths] == [".png", ".pdf"]
    assert all(path.stat().st_size > 10_000 for path in paths)
    assert sorted(stem.parent.iterdir()) == sorted(paths)
    assert b"CreationDate" not in paths[1].read_bytes()
    with pytest.raises(InputError, match="exists") as error:
        files.refuse_existing(*style.targets(stem), force=False)
    assert len(error.value.problems) == 2
    files.refuse_existing(*style.targets(stem), force=True)
    with pytest.raises(InputError, match="folder"):
        files.refuse_existing(tmp_path, force=True)


def test_an_interrupted_figure_leaves_nothing(tmp_path: Path) -> None:
    """The file appears when it is complete; what was there before stays."""
    path = tmp_path / "figure.png"
    path.write_text("before")

    def fail(file: BinaryIO) -> None:
        file.write(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        files.write_whole(path, fail)
    assert [found.read_text() for found in tmp_path.iterdir()] == ["before"]


@pytest.mark.parametrize("label", ["$", "a$b$c", r"$\frac$", "tab\there", "B_s^{+}", "\u202e"])
def test_labels_of_users_are_no_mathematics(label: str) -> None:
    """Any text can be drawn, and is shown as it was written."""
    figure = Figure()
    with style.plain_style():
        style.provenance(figure, label)
        figure.subplots().set_title(style.literal(label))
        assert style.svg_source(figure).startswith("data:image/svg+xml;base64,")


def test_channels_without_data_have_one_panel(tmp_path: Path) -> None:
    """K* events are drawn beside those of the SM, without the data of B+ -> K+."""
    card = tmp_path / "card.yaml"
    card.write_text("schema: 1\nmodel: {name: kst_toy}\nchannel: B0 -> K*0\ngenerate: {events: 1000}\n")
    result = plots.spectra(card)
    assert not plots.has_data(result.card)
    assert set(result.selected()) == {"kst_toy", "sm"}
    assert len(plots.simulation_figure(result).axes) == 1
