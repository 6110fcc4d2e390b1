"""The commands that bkgen_analysis adds to `bkgen`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands; called by `bkgen` through the entry-point group `bkgen.commands`."""
    app.command()(spectrum)
    app.command()(fit)
    app.command()(export)
    app.command()(plot)
    app.command()(report)


def spectrum(
    source: Annotated[Path, typer.Argument(metavar="FILE|CARD", help="Event file (*.root) or run card.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Figure name without ending (default outputs/NAME_spectrum).")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing figures.")] = False,
) -> None:
    """Draw q2_rec of a model and of the SM, and for B+ -> K+ the Belle II data with the fit (PNG and PDF).

    Examples: bkgen spectrum cards/dark_higgs.yaml, bkgen spectrum outputs/dark_higgs.root -o outputs/figure
    """
    from bkgen.cli import show_warnings
    from bkgen.results import Quantity, show_quantities

    from . import plots, regions
    from .style import refuse_existing, save, targets

    stem = output or Path("outputs") / f"{source.stem}_spectrum"
    refuse_existing(*targets(stem), force=force)
    result = plots.spectra(source)
    data = regions.compare(result.card) if plots.has_data(result.card) else None
    show_warnings([data.note] if data is not None and data.note else [])
    paths = save(plots.spectrum_figure(result, data), stem)
    unit = "1" if result.card.luminosity is None else "events"
    show_quantities(
        Quantity(f"selected({name})", value, unit, error, f"simulation, {result.card.detector.name}")
        for name, (value, error) in result.selected().items()
    )
    for path in paths:
        print(path, file=sys.stderr)


def fit(
    card: Annotated[Path, typer.Argument(metavar="CARD", help="Run card (YAML).")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Fit a model to the official Belle II likelihood (362 fb^-1): mu = 1 is the card's prediction.

    For the model `sm` mu multiplies the SM, for every other one mu multiplies the model on top of the SM (mu_SM = 1).

    Example: bkgen fit cards/dark_higgs.yaml --json
    """
    from bkgen.api import load_card
    from bkgen.cli import print_json, show_warnings
    from bkgen.results import answer, show_quantities

    from . import points

    job = load_card(card)
    result, here = points.fit_card(job)
    warnings = [*job.warnings, *points.warnings(result, here)]
    show_warnings(warnings)
    found = points.quantities(result, here)
    if as_json:
        print_json(answer("fit", job.resolved(), found, warnings, job.physics_inputs.sha256))
    else:
        show_quantities(found)


def export(
    cards: Annotated[list[Path], typer.Argument(metavar="CARD...", help="Run card (YAML); several for pyhf.")],
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help="pyhf, root, hist-json or numpy.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Output file (default outputs/NAME and an ending).")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="pyhf: the patched workspace, not the patch set.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output file.")] = False,
) -> None:
    """Write a model for other tools: pyhf patch set, ROOT or UHI histograms, NumPy arrays.

    Examples: bkgen export cards/dark_higgs.yaml --to root, bkgen export cards/dark_higgs.yaml cards/alp.yaml --to pyhf
    """
    from bkgen.api import load_card
    from bkgen.cli import show_warnings
    from bkgen.errors import InputError
    from bkgen.results import show_quantities

    from .export import export

    jobs = {path.stem: load_card(path) for path in cards}
    if len(jobs) < len(cards):
        raise InputError("two cards have the same file name: patches are named after them, rename one")
    for name, job in jobs.items():
        show_warnings(job.warnings, name if len(jobs) > 1 else "")
    done = export(jobs, to, output, full=full, force=force)
    show_warnings(done.warnings)
    show_quantities(done.quantities)
    print(done.path, file=sys.stderr)


def plot(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="SCAN.json|CARD...", help="Answer of a scan, or cards to compare."),
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Figure name without ending (default outputs/NAME).")
    ] = None,
    normalised: Annotated[
        bool, typer.Option("--normalised", help="Spectra of cards with area 1 instead of dBR/dq2.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace existing figures.")] = False,
) -> None:
    """Draw the limits, fits or contours of a scan, or compare cards in true q2 (PNG and PDF).

    Examples: bkgen plot scan.json -o outputs/limits,
    bkgen plot cards/sm.yaml cards/dark_higgs_off_shell.yaml --normalised -o outputs/comparison
    """
    from .style import refuse_existing, save, targets
    from .true_spectra import figure_of_sources

    stem = output or Path("outputs") / sources[0].stem
    refuse_existing(*targets(stem), force=force)
    for path in save(figure_of_sources(sources, normalised=normalised), stem):
        print(path, file=sys.stderr)


def report(
    source: Annotated[Path, typer.Argument(metavar="FILE|CARD", help="Event file (*.root) or run card.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="HTML file (default outputs/NAME.html).")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing report.")] = False,
) -> None:
    """Write one self-contained HTML page: card, model, rates, spectra, fit, warnings and where the numbers come from.

    Examples: bkgen report cards/dark_higgs.yaml, bkgen report outputs/dark_higgs.root -o outputs/events.html
    """
    from bkgen.cli import show_warnings

    from . import report as pages
    from .style import refuse_existing

    target = output or Path("outputs") / f"{source.stem}.html"
    refuse_existing(target, force=force)
    show_warnings(pages.write(source, target))
    print(target, file=sys.stderr)
