"""The command `bkgen`: a thin shell over `bkgen.api`.

Numbers go to standard output, everything else to standard error.
Exit codes: 0 done, 1 failed while running, 2 bad input, 130 interrupted.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from .errors import BkgenError, InputError, MissingExtra, Problem

if TYPE_CHECKING:
    from .api import Card, RunResult
    from .results import Quantity

BAD_INPUT, FAILED, INTERRUPTED = 2, 1, 130


class Commands(TyperGroup):
    """Turns errors that a user can cause into one clear line each and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (InputError, MissingExtra) as error:
            raise _stop(str(error), BAD_INPUT) from error
        except BkgenError as error:
            raise _stop(_with_notes(str(error), error), FAILED) from error
        except BrokenPipeError:
            raise
        except OSError as error:
            name = f"{error.filename}: " if error.filename else ""
            raise _stop(_with_notes(f"{name}{error.strerror or error}", error), FAILED) from error
        except KeyboardInterrupt as error:
            raise _stop(_with_notes("interrupted", error), INTERRUPTED) from error


app = typer.Typer(
    cls=Commands,
    name="bkgen",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: rich alone would take a third of its time
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Events, rates and Belle II likelihood of B -> K(*) + invisible decays.\n\n"
    "Example: bkgen run cards/dark_higgs.yaml",
)

CardPath = Annotated[Path, typer.Argument(metavar="CARD", help="Run card (YAML).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        from . import __version__

        print(f"bkgen {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Options of the command without a subcommand; the help text is that of `app`."""


Workers = Annotated[
    int | None, typer.Option(min=1, help="Number of threads (default: all cores); same events for any.")
]
Scheduler = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Compute on the workers of a dask scheduler: its address or JSON file."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing output file.")]


@app.command()
def run(
    cards: Annotated[list[Path], typer.Argument(metavar="CARD...", help="One or more run cards (YAML).")],
    events: Annotated[str | None, typer.Option("-n", "--events", help="Number of events, e.g. 1e6.")] = None,
    seed: Annotated[str | None, typer.Option(help="Seed of the random numbers.")] = None,
    workers: Workers = None,
    format: Annotated[
        str | None, typer.Option(help="Output format: root, rntuple, hepmc3, lhe, parquet, or null to write nothing.")
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Output file.")] = None,
    force: Force = False,
    chunks: Annotated[
        str | None,
        typer.Option(metavar="A:B", help="Only the chunks A ... B-1 of 131,072 events (to NAME.A-B.root), see merge."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run, if there is one.")] = False,
    scheduler: Scheduler = None,
) -> None:
    """Generate the events of cards.

    All cards are checked before any work.

    \b
    Examples:
      bkgen run cards/dark_higgs.yaml -n 1e6 -o outputs/dark_higgs.root
      bkgen run cards/*.yaml
      bkgen run cards/sm.yaml -n 1e8 --chunks 0:100
    """
    from . import api
    from .results import show_quantities
    from .runs import read_chunks, shard_path

    if output is not None and len(cards) > 1:
        raise InputError(Problem(("--output",), "is for a single card, several write to the paths in them", output))
    wanted = None if chunks is None else read_chunks(chunks)
    jobs = _load_all(
        cards, lambda card: card.override(events=_number(events), seed=_number(seed), format=format, path=output)
    )
    if wanted is not None and output is None:
        jobs = [job.override(path=shard_path(job, wanted)) for job in jobs]
    for path, job in zip(cards, jobs, strict=True):
        show_warnings(job.warnings, str(path) if len(cards) > 1 else "")
    results = api.run_all(jobs, workers, force, sys.stderr.isatty(), chunks=wanted, resume=resume, scheduler=scheduler)
    for path, job, result in zip(cards, jobs, results, strict=True):
        if len(cards) > 1:
            print(path)
        show_quantities(result.quantities)
        show_warnings([text for text in result.warnings if text not in job.warnings])
        _show_run(result)


@app.command()
def resume(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Output file of the run, without .part.")],
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Go on with an interrupted run.

    The result is that of an uninterrupted one, bit for bit.

    \b
    Example:
      bkgen resume outputs/dark_higgs.root
    """
    from . import api

    _show_run(api.resume(path, workers, sys.stderr.isatty(), scheduler=scheduler))


@app.command()
def merge(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="File to write.")],
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="Files of run --chunks, in any order.")],
    workers: Workers = None,
    force: Force = False,
) -> None:
    """Join the files of `run --chunks` into that of the whole run.

    The content is that of a run without --chunks, bit for bit.

    \b
    Example:
      bkgen merge outputs/sm.root outputs/sm.*-*.root
    """
    from . import api

    result = api.merge(output, files, workers, force, sys.stderr.isatty())
    show_warnings(result.warnings)
    _say(f"{result.path}: {result.events:,} events from {len(files)} files")
    _say(f"content sha256 {result.content_sha256}")


@app.command()
def reweight(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Event file (*.root) of a whole sample.")],
    card: CardPath,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File to write (default outputs/CARD_reweighted.root).")
    ] = None,
    continuum: Annotated[bool, typer.Option("--continuum", help="Leave out the narrow lines of the card.")] = False,
    workers: Workers = None,
    force: Force = False,
) -> None:
    """Give the events of a file the weights of another card.

    The weights account for q2 and all angles.

    \b
    Example:
      bkgen reweight outputs/sm.root cards/wet.yaml -o outputs/wet_from_sm.root
    """
    from . import api
    from .results import show_quantities

    job = api.load_card(card)
    target = output or Path("outputs") / f"{card.stem}_reweighted.root"
    show_warnings(job.warnings)
    result = api.reweight(
        file, job, target, continuum=continuum, workers=workers, force=force, progress=sys.stderr.isatty()
    )
    show_warnings(result.warnings)
    show_quantities(result.quantities)
    _say(f"{result.path}: {result.events:,} events, as good as {result.effective_events:,.0f} of equal weight")
    _say(f"content sha256 {result.content_sha256}")


@app.command()
def check(
    cards: Annotated[list[Path], typer.Argument(metavar="CARD...", help="One or more run cards.")],
) -> None:
    """Check cards without running them.

    Every problem is shown, with file, line and what is allowed.

    \b
    Example:
      bkgen check cards/*.yaml
    """
    from . import api

    problems: list[Problem] = []
    for path in cards:
        try:
            card = api.load_card(path)
        except InputError as error:
            problems += error.problems
            continue
        show_warnings(card.warnings, str(path))
        print(f"{path}: OK, {card.model.describe_name()}, {card.channel}, {card.generate.events:,} events")
    if problems:
        raise InputError(problems)


@app.command()
def rates(
    card: CardPath,
    as_json: AsJson = False,
    solve: Annotated[
        str | None,
        typer.Option(
            metavar="PARAM=BR:VALUE",
            help="Solve for a model parameter: the value that gives this branching fraction, or other quantity.",
        ),
    ] = None,
) -> None:
    """Branching fractions, widths and lifetimes of a card.

    No events are generated.

    \b
    Examples:
      bkgen rates cards/dark_higgs.yaml --json
      bkgen rates cards/alp.yaml --solve f_a=BR:7e-6
      bkgen rates cards/dark_higgs.yaml --solve "sin_theta=BR(B+ -> K+ inv):1.8e-5"
    """
    from . import api

    job = api.load_card(card)
    solution = None if solve is None else api.solve(job, *_wanted(solve))
    job = job if solution is None else solution.card
    quantities = api.rates(job) if solution is None else [solution.parameter, *api.rates(job)]
    show_answer("rates", job, quantities, () if solution is None else solution.notes, as_json)


@app.command()
def relic(
    card: CardPath,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, with the history of the yields, instead of a table.")
    ] = False,
    solve: Annotated[
        str | None,
        typer.Option(
            metavar="PARAM[=VALUE]", help="Solve for the model parameter that gives this relic density (default 0.12)."
        ),
    ] = None,
) -> None:
    """Relic density of the dark matter of a card.

    Freeze-out, semi-annihilation or freeze-in, as the model says; exit code 2 for models without a prediction.

    \b
    Examples:
      bkgen relic cards/dark_higgs_z3.yaml
      bkgen relic cards/dark_higgs_z3.yaml --solve lambda_3
      bkgen relic cards/dark_photon.yaml --solve alpha_X=0.12 --json
    """
    from . import api
    from .dark_matter import OMEGA_H2

    job = api.load_card(card)
    solution = None if solve is None else api.solve(job, *_wanted_density(solve), OMEGA_H2)
    job = job if solution is None else solution.card
    found = api.relic(job)
    quantities = found.quantities if solution is None else [solution.parameter, *found.quantities]
    notes = [*(() if solution is None else solution.notes), *found.warnings]
    history = {name: values.tolist() for name, values in found.history.items()}
    show_answer("relic", job, quantities, notes, as_json, {"history": history})


@app.command()
def constraints(
    card: CardPath,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with all limits, instead of a table.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Also show limits that newer ones supersede.")] = False,
) -> None:
    """Compare a card with every experimental limit that applies.

    The last line is the verdict.  A limit whose number could not be verified is indicative and does not decide.

    \b
    Examples:
      bkgen constraints cards/dark_higgs.yaml
      bkgen constraints cards/dark_photon.yaml --json
    """
    from . import api
    from .exclusions import HEADER, table_rows
    from .results import answer, show_table

    job = api.load_card(card)
    found = api.constraints(job)
    warned = [*job.warnings, *found.warnings]
    show_warnings(warned)
    if as_json:
        whole = answer("constraints", job.resolved(), found.quantities(), warned, job.physics_inputs.sha256)
        print_json(whole | found.to_dict())
    else:
        show_table(HEADER, table_rows(found.checks if everything else found.current))
        print(found.verdict)


@app.command()
def cite(card: CardPath) -> None:
    """What to cite for results of a card, as BibTeX.

    Model, form factors, constants, data and programs.

    \b
    Example:
      bkgen cite cards/dark_higgs.yaml > references.bib
    """
    from . import api

    job = api.load_card(card)
    show_warnings(job.warnings)
    print(api.cite(job), end="")


@app.command()
def models(
    name: Annotated[str | None, typer.Argument(help="A model, or 'inputs' for the constants.")] = None,
) -> None:
    """List the models, the parameters of one, or the constants.

    \b
    Examples:
      bkgen models
      bkgen models dark_higgs
      bkgen models inputs
    """
    from . import tables

    if name is None:
        tables.show_models()
    elif name == "inputs":
        tables.show_inputs()
    else:
        tables.show_model(name)


@app.command()
def schema() -> None:
    """Print the JSON schema of a run card, for editors.

    \b
    Example:
      bkgen schema > card.schema.json
    """
    from .card import json_schema

    print_json(json_schema())


def add_plugins(application: typer.Typer) -> None:
    """Add the commands of installed packages; a broken package is skipped with a warning."""
    for entry in sorted(entry_points(group="bkgen.commands"), key=lambda entry: entry.name):
        try:
            register: Callable[[typer.Typer], None] = entry.load()
            register(application)
        except Exception as error:
            _say(f"warning: commands of {entry.value} skipped: {error}")


def main() -> None:
    """Entry point of the command `bkgen`."""
    warnings.showwarning = _show_python_warning
    add_plugins(app)
    app(prog_name="bkgen")


def _load_all(paths: Iterable[Path], change: Callable[[Card], Card]) -> list[Card]:
    """The cards with what the command line changes.  Raises InputError with the problems of all of them."""
    from . import api

    cards: list[Card] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            cards.append(change(api.load_card(path)))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(dict.fromkeys(problems))
    return cards


def _show_run(result: RunResult) -> None:
    """What a run did, on standard error."""
    rate = f" ({result.events / result.seconds:,.0f} per second)" if result.seconds > 0.0 else ""
    target = f"{result.path}: " if result.path else ""
    _say(f"{target}{result.events:,} events in {result.seconds:.2f} s{rate}")
    if result.content_sha256 is not None:
        _say(f"content sha256 {result.content_sha256}")


def _wanted(text: str) -> tuple[str, float, str]:
    """Parameter, value and quantity of PARAM=QUANTITY:VALUE."""
    parameter, equals, rest = text.partition("=")
    quantity, colon, value = rest.rpartition(":")
    form = "must be PARAM=BR:VALUE, e.g. f_a=BR:7e-6, or another quantity in the place of BR"
    if not (equals and colon and parameter.strip() and quantity.strip()):
        raise InputError(Problem(("--solve",), form, text))
    try:
        return parameter.strip(), float(value), quantity.strip()
    except ValueError:
        raise InputError(Problem(("--solve",), f"{value.strip()!r} is not a number; {form}", text)) from None


def _wanted_density(text: str) -> tuple[str, float]:
    """Parameter and relic density of PARAM[=VALUE]."""
    from .relic_density import PLANCK

    parameter, equals, value = text.partition("=")
    form = "must be PARAM or PARAM=VALUE, e.g. m_chi=0.12"
    if not parameter.strip():
        raise InputError(Problem(("--solve",), form, text))
    try:
        return parameter.strip(), float(value) if equals else PLANCK
    except ValueError:
        raise InputError(Problem(("--solve",), f"{value.strip()!r} is not a number; {form}", text)) from None


def _number(text: str | None) -> int | float | str | None:
    """A number typed on the command line; other text is left for the card to refuse."""
    if text is None:
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def show_warnings(texts: Iterable[str], source: str = "") -> None:
    """One line each on standard error."""
    for text in texts:
        _say(f"{source}: warning: {text}" if source else f"warning: {text}")


def _show_python_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    _say(f"warning: {message}")


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _with_notes(text: str, error: BaseException) -> str:
    """A message and what the command says about going on."""
    return "\n".join([text, *getattr(error, "__notes__", ())])


def _stop(text: str, code: int) -> typer.Exit:
    _say(text)
    return typer.Exit(code)


def show_answer(
    command: str,
    card: Card,
    quantities: Sequence[Quantity],
    notes: Sequence[str],
    as_json: bool,
    further: Mapping[str, Any] | None = None,
) -> None:
    """Warnings of the card and notes on standard error, then a table of the quantities, or JSON with `further`."""
    from .results import answer, show_quantities

    warned = [*card.warnings, *notes]
    show_warnings(warned)
    if as_json:
        whole = answer(command, card.resolved(), quantities, warned, card.physics_inputs.sha256)
        print_json(whole | dict(further or {}))
    else:
        show_quantities(quantities)


def print_json(value: dict[str, Any]) -> None:
    """JSON on standard output."""
    print(json.dumps(value, indent=2, allow_nan=False))
