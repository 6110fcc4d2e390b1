"""The commands that bkgen_analysis adds to `bkgen`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bkgen.io import EVENT_FILES

if TYPE_CHECKING:
    from bkgen.results import Quantity

    from .scan import Scan, ScanResult

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

_COMPILING = "compiling the likelihood ..."
_SHOWN = 10  # warnings of a scan on the terminal; its file has all


def register(app: typer.Typer) -> None:
    """Add the commands; called by `bkgen` through the entry-point group `bkgen.commands`."""
    app.command()(spectrum)
    app.command()(fit)
    app.command()(posterior)
    app.command()(recast)
    app.command()(limit)
    app.command()(scan)
    app.command()(sensitivity)
    app.command()(export)
    app.command()(plot)
    app.command()(figures)
    app.command()(report)


def spectrum(
    source: Annotated[Path, typer.Argument(metavar="FILE|CARD", help="Event file (*.root, *.parquet) or run card.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Figure name without ending (default outputs/NAME_spectrum).")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing figures.")] = False,
    toys: Annotated[
        int | None,
        typer.Option(help="Also write so many pseudo-experiments of the fitted spectrum (JSON and ROOT)."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the pseudo-experiments.")] = 1,
) -> None:
    """Draw q2_rec of a model, and the Belle II data with the fit.

    Simulated and selected, beside the SM; data and fit exist for B+ -> K+ only.  Writes PNG and PDF.

    \b
    Examples:
      bkgen spectrum cards/dark_higgs.yaml
      bkgen spectrum outputs/dark_higgs.root -o outputs/figure
      bkgen spectrum cards/dark_higgs.yaml --toys 1000 --seed 1
    """
    from bkgen.cli import show_warnings
    from bkgen.results import Quantity, show_quantities

    from . import plots, regions
    from .files import refuse_existing
    from .style import save, targets

    stem = output or Path("outputs") / f"{source.stem}_spectrum"
    refuse_existing(*targets(stem), force=force)
    toy_stem = stem.with_name(f"{stem.name}_toys")
    if toys is not None:
        from . import toys as pseudo

        refuse_existing(*pseudo.targets(toy_stem), force=force)
    result = plots.spectra(source)
    experiments = None if toys is None else pseudo.spectrum_toys(result.card, toys, seed)
    data = regions.compare(result.card) if plots.has_data(result.card) else None
    show_warnings([data.note] if data is not None and data.note else [])
    paths = save(plots.spectrum_figure(result, data), stem)
    if experiments is not None:
        paths += pseudo.write(experiments, result.card, toy_stem)
    unit = "1" if result.card.luminosity is None else "events"
    show_quantities(
        Quantity(f"selected({name})", value, unit, error, f"simulation, {result.card.detector.name}")
        for name, (value, error) in result.selected().items()
    )
    for path in paths:
        print(path, file=sys.stderr)


def fit(
    card: Annotated[Path, typer.Argument(metavar="CARD|FILE", help="Run card, or event file (*.root, *.parquet).")],
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
    as_json: AsJson = False,
) -> None:
    """Fit a model to the official Belle II likelihood.

    The data are those of 362 fb^-1, mu = 1 is the card's prediction.  For the model `sm` mu multiplies the SM, for
    `wet` the total, for every other one mu multiplies the model on top of the SM (mu_SM = 1).  With an event file
    the template is counted from its events, and the strength is fitted.

    \b
    Examples:
      bkgen fit cards/dark_higgs.yaml --json
      bkgen fit cards/dark_higgs.yaml --poi sin_theta
      bkgen fit cards/wet.yaml --poi C_VL,C_SL,C_TL --form-factors official
    """
    from bkgen.api import load_card
    from bkgen.cli import show_answer

    from . import commands

    if card.suffix in EVENT_FILES:
        commands.refuse_options_of_cards(poi, form_factors, toys, response_errors)
        job, found, notes = commands.fitted_file(card)
    else:
        job = load_card(card)
        found, notes = commands.fitted(job, _names(poi or []), form_factors, toys, response_errors)
    show_answer("fit", job, found, notes, as_json)


def _names(options: list[str]) -> list[str]:
    """Names given with commas or by repeating an option."""
    return [name.strip() for option in options for name in option.split(",")]


def posterior(
    card: Annotated[Path, typer.Argument(metavar="CARD", help="Run card (YAML).")],
    poi: Annotated[
        list[str],
        typer.Option(
            "--poi",
            metavar="NAME=LOWER:UPPER",
            help="Parameter with the range of its flat prior; give it up to 3 times.",
        ),
    ],
    n_points: Annotated[
        int | None, typer.Option("--points", min=4, help="Points on each axis (default 100, 40 or 20 for 1, 2, 3).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Posterior of up to three parameters, from Belle II data.

    Marginalised over the nuisance parameters of the likelihood.  NAME is mu or a parameter of the model.  The range
    may be left out for mu and for coefficients of `wet`.

    \b
    Example:
      bkgen posterior cards/wet.yaml --poi C_VL=0:20 --json
    """
    from bkgen.api import load_card
    from bkgen.cli import show_answer

    from . import posterior as posteriors

    job = load_card(card)
    result = posteriors.posterior(job, [posteriors.parameter(job, text) for text in poi], n_points)
    found = posteriors.quantities(result)
    show_answer("posterior", job, found, posteriors.warnings(result), as_json)


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
    as_json: AsJson = False,
) -> None:
    """Recast the limits on B -> K0, K*0 and K*+ nu nubar.

    The published limits are scaled by omega, the ratio of the efficiencies for the SM and the card.  Without
    --efficiency the result is indicative: omega = 1.  For B+ -> K+ use `bkgen fit`.

    \b
    Example:
      bkgen recast cards/wet.yaml --channel "B0 -> K*0"
    """
    from bkgen.api import load_card
    from bkgen.cli import show_answer

    from . import recast as recasts

    job = load_card(card)
    job = job if channel is None else recasts.in_channel(job, channel)
    result = recasts.recast(job, None if efficiency is None else recasts.read_efficiency(efficiency))
    found = recasts.quantities(result)
    show_answer("recast", job, found, recasts.warnings(result), as_json)


def limit(
    card: Annotated[Path, typer.Argument(metavar="CARD", help="Run card (YAML).")],
    cl: Annotated[float, typer.Option(help="Confidence level, e.g. 0.9 or 0.95.")] = 0.9,
    toys: Annotated[
        int | None, typer.Option(help="CLs from so many toys at each strength instead of asymptotic formulae.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the toys.")] = 1,
    as_json: AsJson = False,
) -> None:
    """CLs upper limits on strength and branching fraction.

    Observed and expected: `exp` are the expected limits for data without signal that fluctuate by -2, -1, 0, 1 and
    2 sigma.

    \b
    Examples:
      bkgen limit cards/dark_higgs.yaml --cl 0.95
      bkgen limit cards/dark_higgs.yaml --toys 1000 --seed 1
    """
    from bkgen.api import load_card
    from bkgen.cli import show_answer
    from bkgen.progress import progress

    from . import limits, points, toy_limits

    job = load_card(card)
    if toys is None:
        result, here = limits.limit_card(job, cl)
    else:
        with progress(toy_limits.USUAL_STRENGTHS * toys, "toys", show=True, compiling=_COMPILING) as advance:
            result, here = toy_limits.limit_card_from_toys(job, cl, toys, seed, advance)
    found = limits.quantities(result, here)
    notes = [*points.template_warnings(here), *toy_limits.warnings(result)]
    show_answer("limit", job, found, notes, as_json)


def scan(
    card: Annotated[Path, typer.Argument(metavar="CARD", help="Run card (YAML).")],
    axis: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=GRID",
            help="Parameter and grid: FROM:TO:POINTS, log:FROM:TO:POINTS or A,B,C.  BR sets the strength.  Up to two.",
        ),
    ] = None,
    what: Annotated[
        str, typer.Option(help="fit, limit, nll (-2 ln L of the model as it is), rates, relic or constraints.")
    ] = "fit",
    cl: Annotated[float, typer.Option(help="Confidence level of limits.")] = 0.9,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="*.json or *.parquet (default outputs/NAME_scan.json).")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output file.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted scan.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Number of processes.")] = 1,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Compute on the workers of a dask scheduler, as run does.")
    ] = None,
    look_elsewhere: Annotated[
        bool, typer.Option("--global", help="Global significance of a scan of fit over one axis, from toys.")
    ] = False,
    toys: Annotated[int, typer.Option(help="Number of toys for --global.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the toys.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Scan one or two parameters of a model.

    For rates, fits, limits, the relic density, constraints or the likelihood; `bkgen plot` draws the answer.

    \b
    Examples:
      bkgen scan cards/dark_higgs.yaml --axis m_H1=0.5:4.5:41 --what limit
      bkgen scan cards/dark_higgs.yaml --axis m_H1=1:3:40 --axis BR=0:2e-5:40 --what nll
      bkgen scan cards/dark_higgs.yaml --axis sin_theta=log:1e-4:1e-2:41 --what constraints
      bkgen scan cards/dark_photon.yaml --axis alpha_X=log:1e-4:1e-2:41 --what relic
      bkgen scan cards/dark_higgs.yaml --axis m_H1=0.5:4.5:41 --global --toys 100 --seed 1
      bkgen scan cards/dark_higgs.yaml --axis m_H1=0.5:4.5:41 --scheduler tcp://localhost:8786
    """
    from bkgen.api import load_card
    from bkgen.cli import print_json, show_warnings
    from bkgen.results import answer, show_quantities

    from . import scan as scans

    job = load_card(card)
    path = output or Path("outputs") / f"{card.stem}_scan.json"
    work = scans.Scan(job, tuple(map(scans.read_axis, axis or [])), scans.read_what(what), cl)
    work.check_global(toys if look_elsewhere else None, seed)
    scans.refuse(path, force=force, resume=resume)
    result = _scanned(work, path, resume, workers, scheduler)
    found = scans.summary(result)
    if look_elsewhere:
        found += _global(work, result, toys, seed)
    warnings = [*job.warnings, *result.warnings]
    more = len(warnings) - _SHOWN
    show_warnings(warnings if more <= 0 else [*warnings[:_SHOWN], f"{more} more warnings in {path}"])
    whole = answer("scan", job.resolved(), found, warnings, job.physics_inputs.sha256) | result.to_dict()
    if work.what == "limit":
        whole["cl"] = cl
    scans.write(result, whole, path)
    if as_json:
        print_json(whole)
    else:
        show_quantities(found)
    print(path, file=sys.stderr)


def sensitivity(
    card: Annotated[Path, typer.Argument(metavar="CARD", help="Run card (YAML).")],
    luminosity: Annotated[
        str, typer.Option(metavar="LIST", help="Integrated luminosities in ab^-1, separated by commas.")
    ] = "1,5,10,50",
    systematics: Annotated[
        str, typer.Option(help="Widths of the nuisance parameters: constant, sqrtL (shrink with 1/sqrt(L)) or none.")
    ] = "constant",
    cl: Annotated[float, typer.Option(help="Confidence level of the limits.")] = 0.9,
    as_json: AsJson = False,
) -> None:
    """Expected limits and significances at higher luminosity.

    Also the luminosity for 3 and 5 sigma.

    \b
    Example:
      bkgen sensitivity cards/dark_higgs.yaml --luminosity 1,5,10,50 --systematics sqrtL
    """
    from bkgen.api import load_card
    from bkgen.cli import show_answer

    from . import points
    from . import sensitivity as projections

    job = load_card(card)
    wanted = projections.read_luminosities(luminosity)
    result, here = projections.sensitivity_card(job, wanted, projections.read_systematics(systematics), cl)
    found = projections.quantities(result, here)
    notes = [*points.template_warnings(here), *projections.warnings(result)]
    show_answer("sensitivity", job, found, notes, as_json)


def _scanned(work: Scan, path: Path, resume: bool, workers: int, scheduler: str | None) -> ScanResult:
    """Do a scan with a progress bar."""
    from bkgen.progress import progress

    from . import scan as scans

    with progress(len(work.rows) * work.row_size, "points", show=True, compiling=_COMPILING) as advance:
        return scans.run(work, path, resume=resume, workers=workers, scheduler=scheduler, advance=advance)


def _global(work: Scan, result: ScanResult, toys: int, seed: int) -> list[Quantity]:
    from bkgen.progress import progress

    from .look_elsewhere import global_significance

    with progress(len(work.rows), "points with toys", show=True, compiling=_COMPILING) as advance:
        return global_significance(work.card, result, toys, seed, advance).quantities()


def export(
    cards: Annotated[list[Path], typer.Argument(metavar="CARD...", help="Run card (YAML); several for pyhf.")],
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help="pyhf, root, hist-json, numpy or evtgen.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Output file (default outputs/NAME and an ending).")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="pyhf: the patched workspace, not the patch set.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing output file.")] = False,
) -> None:
    """Write a model for other tools.

    pyhf patch set, ROOT or UHI histograms, NumPy arrays, weights for EvtGen.

    \b
    Examples:
      bkgen export cards/dark_higgs.yaml --to root
      bkgen export cards/dark_higgs.yaml cards/alp.yaml --to pyhf
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
        typer.Argument(metavar="ANSWER.json|CARD...", help="Answer (JSON) of scan or relic, or cards to compare."),
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Figure name without ending (default outputs/NAME).")
    ] = None,
    normalised: Annotated[
        bool, typer.Option("--normalised", help="Spectra of cards with area 1 instead of dBR/dq2.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace existing figures.")] = False,
) -> None:
    """Draw a scan, a relic density, or spectra in true q2.

    Limits, fits or contours of a scan, yields of `relic --json`, or cards side by side.  Writes PNG and PDF.

    \b
    Examples:
      bkgen plot outputs/dark_higgs_scan.json -o outputs/limits
      bkgen plot relic.json -o outputs/yields
      bkgen plot cards/sm.yaml cards/dark_higgs_off_shell.yaml --normalised -o outputs/comparison
    """
    from .files import refuse_existing
    from .style import save, targets
    from .true_spectra import figure_of_sources

    stem = output or Path("outputs") / sources[0].stem
    refuse_existing(*targets(stem), force=force)
    for path in save(figure_of_sources(sources, normalised=normalised), stem):
        print(path, file=sys.stderr)


def figures(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Figures to draw, all without a name.")
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Folder (default outputs/figures).")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
    show: Annotated[bool, typer.Option("--list", help="Only list the figures.")] = False,
    dpi: Annotated[int, typer.Option(min=30, max=1200, help="Pixels per inch of the PNG.")] = 150,
) -> None:
    """Draw the figures of the papers and talks with our numbers.

    Writes NAME.png, NAME.pdf and the caption, NAME.txt.  A caption says what agrees with the source and what
    differs.  All figures take one to two minutes.

    \b
    Examples:
      bkgen figures --list
      bkgen figures calibbi-2 gabrielli-3 -o outputs/papers
      bkgen figures --force
    """
    from bkgen.progress import progress
    from bkgen.results import show_table

    from . import figures as gallery

    selected = gallery.chosen(names or [])
    if show:
        show_table(("name", "source", "title"), [(f.name, f.source, f.title) for f in selected])
        return
    folder = output or Path("outputs") / "figures"
    gallery.refuse(selected, folder, force=force)
    with progress(len(selected), "figures", show=True, compiling=_COMPILING) as advance:
        for written in gallery.write(selected, folder, dpi, advance):
            print("\n".join(map(str, written.paths)), file=sys.stderr)
            print(f"\n{written.caption}", file=sys.stderr)


def report(
    source: Annotated[Path, typer.Argument(metavar="FILE|CARD", help="Event file (*.root, *.parquet) or run card.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="HTML file (default outputs/NAME.html).")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing report.")] = False,
) -> None:
    """Write one self-contained HTML page on a card or sample.

    Card, model, rates, spectra, fit, warnings and where the numbers come from.

    \b
    Examples:
      bkgen report cards/dark_higgs.yaml
      bkgen report outputs/dark_higgs.root -o outputs/events.html
    """
    from bkgen.cli import show_warnings

    from . import report as pages
    from .files import refuse_existing

    target = output or Path("outputs") / f"{source.stem}.html"
    refuse_existing(target, force=force)
    show_warnings(pages.write(source, target))
    print(target, file=sys.stderr)
