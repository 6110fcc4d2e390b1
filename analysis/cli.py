"""The commands that bkgen_analysis adds to `bkgen`: spectrum and fit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands; called by `bkgen` through the entry-point group `bkgen.commands`."""
    app.command()(spectrum)
    app.command()(fit)


def spectrum(
    source: Annotated[Path, typer.Argument(metavar="FILE|CARD", help="Event file (*.root) or run card.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Figure name without ending (default outputs/NAME_spectrum).")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing figures.")] = False,
) -> None:
    """Draw q2_rec of a model and of the SM beside the Belle II data (PNG and PDF).

    Example: bkgen spectrum cards/dark_higgs.yaml
    """
    from bkgen.results import Quantity, show_quantities

    from . import plots

    stem = output or Path("outputs") / f"{source.stem}_spectrum"
    plots.refuse_existing(stem, force=force)
    result = plots.spectra(source)
    data = plots.region_a(result.card) if plots.has_data(result.card) else None
    paths = plots.save(plots.spectrum_figure(result, data), stem)
    unit = "1" if result.card.luminosity is None else "events"
    show_quantities(
        Quantity(f"selected({name})", value, unit, error, f"simulation, {result.card.detector.name}")
        for name, (value, error) in result.selected().items()
    )
    for path in paths:
        print(path, file=sys.stderr)


def fit(
    card: Annotated[Path, typer.Argument(metavar="CARD", help="Run card (YAML).")],
    poi: Annotated[
        list[str] | None,
        typer.Option(
            "--poi",
            metavar="NAME[,NAME]",
            help="Parameter of the model to fit, e.g. sin_theta or Zp.g_X; more with commas or repeated "
            "(default: the strength mu).",
        ),
    ] = None,
    form_factors: Annotated[
        str | None,
        typer.Option(
            "--form-factors",
            metavar="official|refit",
            help="Form factors as published, or those of the card with their covariance (default: refit for wet, "
            "official otherwise).",
        ),
    ] = None,
    toys: Annotated[
        int, typer.Option("--toys", min=0, help="Toys for the p-value of the goodness of fit, about 30 ms each.")
    ] = 0,
    response_errors: Annotated[
        bool,
        typer.Option("--response-errors", help="Include the statistical uncertainty of the published response."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Fit a model to the official Belle II likelihood (362 fb^-1): mu = 1 is the card's prediction.

    For the model `sm` mu multiplies the SM, for `wet` the total, for every other one mu multiplies the model on top of
    the SM (mu_SM = 1).

    Examples: bkgen fit cards/dark_higgs.yaml --json

    bkgen fit cards/dark_higgs.yaml --poi sin_theta

    bkgen fit cards/wet.yaml --poi C_VL,C_SL,C_TL --form-factors official
    """
    from bkgen.api import load_card
    from bkgen.cli import print_json, show_warnings
    from bkgen.results import answer, show_quantities

    from . import commands

    job = load_card(card)
    found, notes = commands.fitted(job, _names(poi or []), form_factors, toys, response_errors)
    warnings = [*job.warnings, *notes]
    show_warnings(warnings)
    if as_json:
        print_json(answer("fit", job.resolved(), found, warnings, job.physics_inputs.sha256))
    else:
        show_quantities(found)


def _names(options: list[str]) -> list[str]:
    """Names given with commas or by repeating an option."""
    return [name.strip() for option in options for name in option.split(",")]
