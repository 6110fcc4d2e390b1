"""Scans over one or two parameters of a model: rates, fits, limits, constraints or the likelihood itself, on a grid.

Every row of the grid is independent of the others, so a scan can be interrupted and resumed with the same result.  A
row is one point, or all branching fractions at one point of the model for the axis `BR`.
"""

from __future__ import annotations

import hashlib
import json
import math
import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from importlib import import_module
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast, get_args

import numpy as np
from numpy.typing import NDArray

from bkgen import __version__
from bkgen.card import Card
from bkgen.dark_matter import OMEGA_H2
from bkgen.errors import BkgenError, InputError, MissingExtra, Problem, naming
from bkgen.exclusions import EXCLUDED, constraints
from bkgen.inversion import parameter_unit
from bkgen.quantities import branching_fractions
from bkgen.relic_density import relic
from bkgen.results import Quantity

from . import limits
from .files import complete
from .fit import fit
from .points import SOURCE, Point, poi_of, point
from .profiles import Profile
from .responses import Array
from .toys import check_toys

What: TypeAlias = Literal["fit", "limit", "nll", "rates", "relic", "constraints"]

BRANCHING = "BR"
"""The axis that sets the strength instead of a parameter of the model."""

MAX_POINTS = 1_000_000
_FORM = "must be NAME=FROM:TO:POINTS, NAME=log:FROM:TO:POINTS or NAME=A,B,C, e.g. m_H1=0.5:4.5:41"
_EXPECTED = tuple(f"exp[{band}]" for band in limits.BANDS)

Values: TypeAlias = dict[str, list[float]]
"""Results of one row by name, NaN where a point failed."""


@dataclass(frozen=True, eq=False)
class Axis:
    """One axis of a scan: a parameter of the model, or `BR`; values: (n,) in the parameter's unit."""

    name: str
    values: Array


@dataclass(frozen=True)
class Row:
    """One row of a scan: its results, and what went wrong in words."""

    values: Values
    reasons: list[str]


@dataclass(frozen=True, eq=False)
class ScanResult:
    """A finished scan.

    what: what was scanned; axes: name to values; arrays: name to results, one dimension for each axis in their order,
    NaN where a point failed (reasons in `warnings`); units: of axes and arrays, "1" for pure numbers.
    """

    what: What
    axes: dict[str, Array]
    arrays: dict[str, NDArray[np.float64]]
    units: dict[str, str]
    warnings: list[str]

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values, None where a point failed."""
        return {
            "what": self.what,
            "axes": {name: values.tolist() for name, values in self.axes.items()},
            "arrays": {name: _json(values) for name, values in self.arrays.items()},
            "units": self.units,
        }


@dataclass(frozen=True)
class Scan:
    """A scan to be done.

    axes: one or two; cl: confidence level of the limits.
    """

    card: Card
    axes: tuple[Axis, ...]
    what: What = "fit"
    cl: float = 0.9

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise InputError(problems)
        for axis in self._parameters:
            parameter_unit(self.card, axis.name)
        if self.what not in ("rates", "relic", "constraints"):
            poi_of(self.card)
        limits.check_level(self.cl)

    def _problems(self) -> Iterator[Problem]:
        names = [axis.name for axis in self.axes]
        if len(names) not in (1, 2):
            yield Problem(("--axis",), "a scan has one or two axes", len(names))
        if len(set(names)) < len(names):
            yield Problem(("--axis",), "the axes must be different", names[0])
        if BRANCHING in names and self.what != "nll":
            yield Problem(("--axis",), f"{BRANCHING} sets the strength: only with --what nll", BRANCHING)
        if math.prod(axis.values.size for axis in self.axes) > MAX_POINTS:
            yield Problem(("--axis",), f"more than {MAX_POINTS} points")

    @property
    def _parameters(self) -> list[Axis]:
        return [axis for axis in self.axes if axis.name != BRANCHING]

    @property
    def _branching(self) -> Axis | None:
        return next((axis for axis in self.axes if axis.name == BRANCHING), None)

    @property
    def row_size(self) -> int:
        """Points in a row."""
        return 1 if self._branching is None else self._branching.values.size

    def check_global(self, toys: int | None, seed: int) -> None:
        """Raises InputError if a global significance is wanted, with so many toys, and cannot be had."""
        if toys is None:
            return
        if self.what != "fit" or len(self.axes) != 1:
            raise InputError(Problem(("--global",), "needs --what fit and one axis", self.what))
        check_toys(toys, seed)

    @cached_property
    def rows(self) -> list[dict[str, float]]:
        """Model parameters of every row."""
        names = [axis.name for axis in self._parameters]
        grid = product(*(axis.values.tolist() for axis in self._parameters))
        return [dict(zip(names, values, strict=True)) for values in grid]

    @cached_property
    def digest(self) -> str:
        """Identifies what is computed: card, axes, options and version."""
        axes = [(axis.name, axis.values.tolist()) for axis in self.axes]
        card = self.card.resolved()
        card.pop("output")
        text = json.dumps([__version__, self.card.physics_inputs.sha256, card, axes, self.what, self.cl])
        return hashlib.sha256(text.encode()).hexdigest()

    def row(self, k: int) -> Row:
        """Compute one row; a point that fails is NaN with a reason."""
        parameters = self.rows[k]
        where = ", ".join(f"{name} = {value:.6g}" for name, value in parameters.items())
        try:
            card = self.card.with_model(parameters)
            if self.what == "nll":
                return self._likelihoods(card, where)
            results = {
                "fit": self._fit,
                "limit": self._limit,
                "rates": self._rates,
                "relic": self._relic,
                "constraints": self._constraints,
            }
            values = results[self.what](card)
        except (BkgenError, ValueError, ArithmeticError) as error:
            return Row({}, [_reason(where, str(error))])
        broken = [name for name, value in values.items() if not math.isfinite(value)]
        reasons = [_reason(where, f"{', '.join(broken)} is not finite")] if broken else []
        return Row({name: [value if math.isfinite(value) else math.nan] for name, value in values.items()}, reasons)

    def assemble(self, rows: Sequence[Row]) -> ScanResult:
        """The arrays of all rows."""
        names = list(dict.fromkeys(name for row in rows for name in row.values))
        failed = [math.nan] * self.row_size
        inner = [axis.values.size for axis in self._parameters]
        arrays = {}
        for name in names:
            values = np.array([row.values.get(name, failed) for row in rows], dtype=np.float64)
            values = values.reshape(*inner, self.row_size)
            # the row dimension is the last one: it goes to its place among the axes, or disappears
            place = next((i for i, axis in enumerate(self.axes) if axis is self._branching), None)
            arrays[name] = values[..., 0] if place is None else np.moveaxis(values, -1, place)
        if "twice_nll" in arrays and self.what == "nll" and np.any(np.isfinite(arrays["twice_nll"])):
            arrays["delta_twice_nll"] = arrays["twice_nll"] - np.nanmin(arrays["twice_nll"])
        units = {axis.name: parameter_unit(self.card, axis.name) for axis in self._parameters}
        units = {axis.name: units.get(axis.name, "1") for axis in self.axes} | dict.fromkeys(arrays, "1")
        axes = {axis.name: axis.values for axis in self.axes}
        return ScanResult(self.what, axes, arrays, units, [reason for row in rows for reason in row.reasons])

    def _fit(self, card: Card) -> dict[str, float]:
        poi, here = poi_of(card), point(card)
        result = fit(None if poi == "sm" else here.template, poi=poi)
        if not result.converged:
            raise ValueError(f"the fit did not converge: edm = {result.edm:.3g}")
        null = result.twice_nll_sm if poi == "np" else result.twice_nll_background
        lower, upper = result.interval_68
        return {
            "mu": result.mu,
            "BR(fit)": result.mu * here.branching,
            "BR(fit)_lower": lower * here.branching,
            "BR(fit)_upper": upper * here.branching,
            "mu_lower": lower,
            "mu_upper": upper,
            "z": math.copysign(math.sqrt(max(0.0, null - result.twice_nll)), result.mu),
            "twice_nll": result.twice_nll,
            "twice_nll_null": null,
            "BR(card)": here.branching,
        }

    def _limit(self, card: Card) -> dict[str, float]:
        result, here = limits.limit_card(card, self.cl)
        values = {"obs": result.obs, **dict(zip(_EXPECTED, result.exp, strict=True))}
        values |= {f"BR({name})": value * here.branching for name, value in values.items()}
        return {**values, "BR(card)": here.branching}

    def _rates(self, card: Card) -> dict[str, float]:
        return branching_fractions(card, card.physics_inputs)

    def _relic(self, card: Card) -> dict[str, float]:
        found = relic(card, shares=False)
        values = {q.name: q.value for q in found.quantities if isinstance(q.value, float | bool)}
        return {name: float(value) for name, value in values.items() if name in (OMEGA_H2, "freezes out")}

    def _constraints(self, card: Card) -> dict[str, float]:
        """Verdict as 0 or 1, the strongest ratio of prediction to limit, and the ratio to each limit that applies."""
        quantities = constraints(card).quantities()
        return {q.name: float(q.value) for q in quantities if not isinstance(q.value, tuple)}

    def _likelihoods(self, card: Card, where: str) -> Row:
        """Conditional minima at the card's own strength, or along the axis BR from the SM upwards."""
        poi, here = poi_of(card), point(card)
        asymptotics = limits.Asymptotics.of(None if poi == "sm" else here.template, poi)
        return _walk(asymptotics, self._strengths(here), where)

    def _strengths(self, here: Point) -> list[float]:
        return [1.0] if self._branching is None else (self._branching.values / here.branching).tolist()


def _walk(asymptotics: limits.Asymptotics, strengths: list[float], where: str) -> Row:
    """-2 ln L at each strength, walked from the smallest to the largest."""
    a = asymptotics
    profile = Profile(a.likelihood, a.signal, a.data, a.null)
    values, reasons = [math.nan] * len(strengths), []
    for k in sorted(range(len(strengths)), key=strengths.__getitem__):
        try:
            values[k] = profile(strengths[k])
        except BkgenError as error:
            reasons.append(_reason(where, str(error)))
    return Row({"twice_nll": values}, reasons)


def read_what(text: str) -> What:
    """What is scanned, by name.  Raises InputError for an unknown one."""
    for what in get_args(What):
        if text == what:
            return cast(What, what)
    raise InputError(Problem(("--what",), f"must be one of: {', '.join(get_args(What))}", text))


def read_axis(text: str) -> Axis:
    """An axis from `NAME=FROM:TO:POINTS`, `NAME=log:FROM:TO:POINTS` or `NAME=A,B,C`.

    Raises InputError for anything else.
    """
    name, equals, grid = (part.strip() for part in text.partition("="))
    logarithmic = grid.startswith("log:")
    parts = grid.removeprefix("log:").split(":")
    try:
        if not (name and equals) or len(parts) not in (1, 3) or (logarithmic and len(parts) == 1):
            raise ValueError(_FORM)
        if len(parts) == 1:
            values = np.array([float(part) for part in grid.split(",")])
        else:
            start, stop, count = float(parts[0]), float(parts[1]), int(parts[2])
            if not 1 <= count <= MAX_POINTS:
                raise ValueError(f"the number of points must be between 1 and {MAX_POINTS}")
            if logarithmic and not (start > 0.0 and stop > 0.0):
                raise ValueError("a logarithmic axis must be positive")
            values = np.geomspace(start, stop, count) if logarithmic else np.linspace(start, stop, count)
    except ValueError as error:
        message = str(error) if str(error).startswith(("the number", "a log")) else _FORM
        raise InputError(Problem(("--axis",), message, text)) from None
    if not np.all(np.isfinite(values)):
        raise InputError(Problem(("--axis",), "must be finite numbers", text))
    return Axis(name, values)


def run(
    scan: Scan,
    path: Path | None = None,
    *,
    resume: bool = False,
    workers: int = 1,
    scheduler: str | None = None,
    advance: Callable[[int], None] | None = None,
) -> ScanResult:
    """Do a scan.

    path: rows are kept in PATH.part as they are finished; resume: go on from there.  workers: processes, each of which
    compiles the likelihood for itself (5 s).  scheduler: address of a dask scheduler whose workers compute the rows,
    see `bkgen.cluster`.  advance: called with the number of finished points.
    Raises InputError if PATH.part belongs to another scan.
    """
    if path is None:
        return scan.assemble(list(_counted(_computed(scan, range(len(scan.rows)), workers, scheduler), scan, advance)))
    part = part_of(path)
    rows = _kept(scan, part) if resume and part.exists() else []
    try:
        with naming(part):
            part.parent.mkdir(parents=True, exist_ok=True)
            if not rows:
                part.write_text(json.dumps({"scan": scan.digest}) + "\n", encoding="utf-8")
            if advance is not None:
                advance(len(rows) * scan.row_size)
            rest = _computed(scan, range(len(rows), len(scan.rows)), workers, scheduler)
            with part.open("a", encoding="utf-8") as file:
                for row in _counted(rest, scan, advance):
                    values = {k: _json(v) for k, v in row.values.items()}
                    file.write(json.dumps({"values": values, "reasons": row.reasons}) + "\n")
                    file.flush()
                    rows.append(row)
    except BaseException as error:
        if rows:
            error.add_note(f"{part}: {len(rows)} of {len(scan.rows)} rows are finished, go on with --resume")
        else:
            part.unlink(missing_ok=True)
        raise
    return scan.assemble(rows)


def part_of(path: Path) -> Path:
    """The file with the finished rows of a scan that writes to `path`."""
    return path.with_name(f"{path.name}.part")


def refuse(path: Path, *, force: bool, resume: bool) -> None:
    """Raises InputError before any work for an output that exists, or MissingExtra for Parquet without pyarrow."""
    if path.suffix == ".parquet":
        _parquet_modules()
    elif path.suffix != ".json":
        raise InputError(Problem(("--output",), "must end in .json or .parquet", str(path)))
    if path.exists() and not force:
        raise InputError(f"{path}: exists; use --force to replace it, or another name with -o")
    if part_of(path).exists() and not (force or resume):
        raise InputError(f"{part_of(path)}: an interrupted scan; go on with --resume, or start again with --force")


def write(result: ScanResult, answer: Mapping[str, Any], path: Path) -> None:
    """Write a finished scan with its JSON answer, as JSON or as a table in Parquet, and remove PATH.part."""
    if path.suffix == ".parquet":
        content = _parquet(result, answer)
    else:
        content = json.dumps(answer, indent=1, allow_nan=False).encode()
    with complete(path, ".new") as whole:
        whole.write_bytes(content)
    part_of(path).unlink(missing_ok=True)


def summary(result: ScanResult) -> list[Quantity]:
    """The best point of a scan of `fit` or `nll`, and its 68% interval on a single axis; else nothing.

    Of `constraints` the number of points, and of those that are allowed.
    """
    if result.what == "constraints":
        excluded = result.arrays.get(EXCLUDED, np.array([]))
        known = np.isfinite(excluded)
        counts = {"points": int(known.sum()), "allowed points": int((excluded[known] == 0.0).sum())}
        return [Quantity(name, count, "1", None, "bkgen constraints") for name, count in counts.items()]
    if result.what not in ("fit", "nll"):
        return []
    heights = profile_of(result)
    if not np.any(np.isfinite(heights)):
        return []
    best = np.unravel_index(int(np.nanargmin(heights)), heights.shape)
    found = []
    for k, (name, values) in enumerate(result.axes.items()):
        others = tuple(i for i in range(heights.ndim) if i != k)
        with np.errstate(all="ignore"):
            along = np.where(np.isfinite(heights), heights, np.inf).min(axis=others)
        found.append(Quantity(f"best({name})", float(values[best[k]]), result.units[name], None, SOURCE))
        interval = interval_68(values, along)
        if interval is not None:
            found.append(Quantity(f"interval_68({name})", interval, result.units[name], None, SOURCE))
    at = {name: float(values[best]) for name, values in result.arrays.items()}
    found.append(Quantity("twice_nll", at["twice_nll"], "1", None, SOURCE))
    if result.what == "fit":
        interval = (at["BR(fit)_lower"], at["BR(fit)_upper"])
        found += [Quantity(name, at[name], "1", None, SOURCE) for name in ("mu", "BR(fit)")]
        found.append(Quantity("interval_68(BR)", interval, "1", None, SOURCE))
        found.append(Quantity("z_local", max(0.0, at["z"]), "1", None, SOURCE))
    return found


def profile_of(result: ScanResult) -> Array:
    """-2 ln L on the grid, (n_1,) or (n_1, n_2), NaN for failed points; in a scan of `fit` for the best mu >= 0."""
    twice_nll = result.arrays.get("twice_nll", np.full([values.size for values in result.axes.values()], math.nan))
    if result.what == "nll" or "mu" not in result.arrays:
        return twice_nll
    return np.where(result.arrays["mu"] < 0.0, result.arrays["twice_nll_null"], twice_nll)


def interval_68(values: Array, twice_nll: Array) -> tuple[float, float] | None:
    """Ends of the interval around the smallest -2 ln L in which it has risen by less than 1.

    values, twice_nll: (n,), linear between the points.  None if an end is beyond the axis or at a failed point.
    """
    order = np.argsort(values)
    values, rise = values[order], (twice_nll - np.min(twice_nll))[order]
    best = int(np.argmin(rise))
    ends = (_crossing(values[best::-1], rise[best::-1]), _crossing(values[best:], rise[best:]))
    return None if ends[0] is None or ends[1] is None else (ends[0], ends[1])


def _crossing(values: Array, rise: Array) -> float | None:
    """First place from the start at which the rise reaches 1."""
    for k in range(1, values.size):
        if not math.isfinite(rise[k]):
            return None
        if rise[k] >= 1.0:
            share = (1.0 - rise[k - 1]) / (rise[k] - rise[k - 1])
            return float(values[k - 1] + share * (values[k] - values[k - 1]))
    return None


def _computed(scan: Scan, indices: Sequence[int], workers: int, scheduler: str | None) -> Iterator[Row]:
    """Rows in order, in this process, in several, or on a cluster."""
    if scheduler is not None:
        from bkgen.cluster import connect, in_order

        with connect(scheduler) as client:
            yield from in_order(client, Scan.row, scan, indices)
        return
    if workers == 1:
        yield from map(scan.row, indices)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        workers, context, initializer=partial(signal.signal, signal.SIGINT, signal.SIG_IGN)
    ) as pool:
        try:
            yield from pool.map(scan.row, indices)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _counted(rows: Iterable[Row], scan: Scan, advance: Callable[[int], None] | None) -> Iterator[Row]:
    for row in rows:
        yield row
        if advance is not None:
            advance(scan.row_size)


def _kept(scan: Scan, part: Path) -> list[Row]:
    """The complete rows of an interrupted scan; an incomplete last line is removed from the file."""
    content = part.read_bytes()
    lines = content[: content.rfind(b"\n") + 1].splitlines()
    try:
        first, *others = [json.loads(line) for line in lines] or [{}]
        same = first["scan"] == scan.digest
        rows = [_row(other, scan.row_size) for other in others]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        raise InputError(f"{part}: not the part of a scan; start again with --force") from None
    if not same or len(rows) > len(scan.rows):
        raise InputError(f"{part}: belongs to another card, other options or another version; start again with --force")
    part.write_bytes(b"\n".join(lines) + b"\n")
    return rows


def _row(entry: dict[str, Any], size: int) -> Row:
    """A row of that many points as it was written; raises TypeError or what else comes of another value."""
    row = Row({name: _numbers(values) for name, values in entry["values"].items()}, entry["reasons"])
    if not (isinstance(row.reasons, list) and all(isinstance(reason, str) for reason in row.reasons)):
        raise TypeError("reasons are texts")
    if any(len(values) != size for values in row.values.values()):
        raise ValueError("not one number for each point")
    return row


def _numbers(values: list[float | None]) -> list[float]:
    return [math.nan if value is None else float(value) for value in values]


def _json(values: Any) -> Any:
    """Nested lists with None for NaN."""
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if isinstance(values, list):
        return [_json(value) for value in values]
    return None if math.isnan(values) else values


def _reason(where: str, message: str) -> str:
    message = "; ".join(message.splitlines())
    return f"{where}: {message}" if where else message


def _parquet_modules() -> tuple[Any, Any]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise MissingExtra("formats", "pyarrow") from error


def _parquet(result: ScanResult, answer: Mapping[str, Any]) -> bytes:
    """One row for each point; the rest of the JSON answer is in the metadata, key `bkgen`."""
    pyarrow, parquet = _parquet_modules()
    grid = np.meshgrid(*result.axes.values(), indexing="ij")
    columns = {name: values.ravel() for name, values in zip(result.axes, grid, strict=True)}
    columns |= {name: values.ravel() for name, values in result.arrays.items()}
    table = pyarrow.table({name: pyarrow.array(values, from_pandas=True) for name, values in columns.items()})
    rest = {key: value for key, value in answer.items() if key not in ("axes", "arrays")}
    table = table.replace_schema_metadata({"bkgen": json.dumps(rest, allow_nan=False)})
    buffer = BytesIO()
    parquet.write_table(table, buffer)
    return buffer.getvalue()
