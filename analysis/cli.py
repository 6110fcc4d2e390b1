"""The commands that bkgen_analysis adds to `bkgen`: spectrum, fit, posterior, recast."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands; called by `bkgen` through the entry-point group `bkgen.commands`."""
    app.command()(spectrum)
    app.command()(fit)
    app.command()(posterior)
    app.command()(recast)


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
    card: Annotated[Path, typer.Argument(metavar="CARD|FILE", help="Run card, or event file (*.root).")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Fit a model to the official Belle II likelihood (362 fb^-1): mu = 1 is the card's prediction.

    For the model `sm` mu multiplies the SM, for every other one mu multiplies the model on top of the SM (mu_SM = 1).
    With an event file the template is counted from its events.

    Example: bkgen fit cards/dark_higgs.yaml --json
    """
    from bkgen.api import load_card
    from bkgen.cli import print_json, show_warnings
    from bkgen.results import answer, show_quantities

    from . import points

    if card.suffix == ".root":
        from . import event_templates

        job, result, counted = event_templates.fit_file(card)
        here: points.Point = counted
        further, notes = event_templates.quantities(counted), event_templates.warnings(counted)
    else:
        job, further, notes = load_card(card), [], []
        result, here = points.fit_card(job)
    warnings = [*job.warnings, *points.warnings(result, here), *notes]
    show_warnings(warnings)
    found = [*points.quantities(result, here), *further]
    if as_json:
        print_json(answer("fit", job.resolved(), found, warnings, job.physics_inputs.sha256))
    else:
        show_quantities(found)


def posterior(
    card: Annotated[Path, typer.Argument(metavar="CARD", help="Run card (YAML).")],
    poi: Annotated[
        list[str], typer.Option("--poi", help="Parameter with the range of its flat prior, NAME=LOWER:UPPER; up to 3.")
    ],
    n_points: Annotated[
        int | None, typer.Option("--points", min=4, help="Points on each axis (default 100, 40 or 20 for 1, 2, 3).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Posterior of up to three parameters in the Belle II likelihood, marginalised over its nuisance parameters.

    NAME is mu or a parameter of the model.  The range may be left out for mu and for coefficients of `wet`.

    Example: bkgen posterior cards/wet.yaml --poi C_VL=0:20 --json
    """
    from bkgen.api import load_card
    from bkgen.cli import print_json, show_warnings
    from bkgen.results import answer, show_quantities

    from . import posterior as posteriors

    job = load_card(card)
    result = posteriors.posterior(job, [posteriors.parameter(job, text) for text in poi], n_points)
    warnings = [*job.warnings, *posteriors.warnings(result)]
    show_warnings(warnings)
    found = posteriors.quantities(result)
    if as_json:
        print_json(answer("posterior", job.resolved(), found, warnings, job.physics_inputs.sha256))
    else:
        show_quantities(found)


def recast(
    card: Annotated[Path, typer.Argument(metavar="CARD", help="Run card (YAML).")],
    channel: Annotated[
        str | None,
        typer.Option("--channel", help="Channel in the place of the card's: B0 -> K0, B0 -> K*0, B+ -> K*+."),
    ] = None,
    efficiency: Annotated[
        Path | None,
        typer.Option("--efficiency", help="Table q2_lo,q2_hi,efficiency of the search; without it omega = 1."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Compare the prediction with the published limits on B -> K0, K*0, K*+ nu nubar, recast by omega.

    Without --efficiency the result is indicative: omega = 1.  For B+ -> K+ use `bkgen fit`.

    Example: bkgen recast cards/wet.yaml --channel "B0 -> K*0"
    """
    from bkgen.api import load_card
    from bkgen.cli import print_json, show_warnings
    from bkgen.results import answer, show_quantities

    from . import recast as recasts

    job = load_card(card)
    job = job if channel is None else recasts.in_channel(job, channel)
    result = recasts.recast(job, None if efficiency is None else recasts.read_efficiency(efficiency))
    warnings = [*job.warnings, *recasts.warnings(result)]
    show_warnings(warnings)
    found = recasts.quantities(result)
    if as_json:
        print_json(answer("recast", job.resolved(), found, warnings, job.physics_inputs.sha256))
    else:
        show_quantities(found)
