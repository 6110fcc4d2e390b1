"""The spectrum figure: its numbers and its files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bkgen_analysis import plots

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


def test_region_a_is_the_published_data() -> None:
    """9293 events observed in region A; signal and background of the free fit add up to them within the band."""
    a = plots.region_a(api.load_card(CARDS / "dark_higgs.yaml"))
    assert a.data.sum() == 9293
    assert np.all(np.abs(a.data - a.background - a.signal) < 3.0 * np.sqrt(a.data))
    assert a.model is not None
    assert np.all(a.sm > 0.0)
    assert a.model[:2].sum() > 10.0 * a.model[2]


def test_figure_files(event_file: Path, tmp_path: Path) -> None:
    """PNG and PDF are written; existing ones are kept unless forced."""
    result = plots.spectra(event_file)
    figure = plots.spectrum_figure(result, plots.region_a(result.card))
    paths = plots.save(figure, tmp_path / "new" / "figure")
    assert [path.suffix for path in paths] == [".png", ".pdf"]
    assert all(path.stat().st_size > 10_000 for path in paths)
    with pytest.raises(InputError, match="exists"):
        plots.refuse_existing(tmp_path / "new" / "figure", force=False)
    plots.refuse_existing(tmp_path / "new" / "figure", force=True)


def test_channels_without_data_have_one_panel(tmp_path: Path) -> None:
    """K* events are drawn beside those of the SM, without the data of B+ -> K+."""
    card = tmp_path / "card.yaml"
    card.write_text("schema: 1\nmodel: {name: kst_toy}\nchannel: B0 -> K*0\ngenerate: {events: 1000}\n")
    result = plots.spectra(card)
    assert not plots.has_data(result.card)
    assert set(result.selected()) == {"kst_toy", "sm"}
    assert len(plots.spectrum_figure(result, None).axes) == 1
