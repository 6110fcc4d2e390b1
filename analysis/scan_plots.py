"""The figures of `bkgen plot`: limits, fits and -2 ln L of a scan along one or two parameters.

A scan is {"axes": {name: values}, "arrays": {name: nested lists}}: the shape of an array begins with the lengths of
the axes in their order, failed points are null.  What the figures look for in `arrays` is in `NAMES`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from bkgen.card_fields import parameters
from bkgen.dark_matter import OMEGA_H2
from bkgen.errors import InputError, MissingExtra
from bkgen.exclusions import EXCLUDED
from bkgen.models import registry
from bkgen.relic_density import PLANCK

from .responses import Array
from .style import BLACK, BLUE, GREEN, VERMILLION, literal, plain_style, provenance

try:
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter
except ImportError as error:
    raise MissingExtra("analysis", "matplotlib") from error

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMES: dict[str, tuple[str, ...]] = {
    "limit of BR": ("BR(obs)",),
    "expected limit of BR": ("BR(exp{})",),
    "limit": ("obs",),
    "expected limit": ("exp{}",),
    "branching fraction": ("BR(card)",),
    "fitted BR": ("BR(fit)",),
    "lower end": ("BR(fit)_lower",),
    "upper end": ("BR(fit)_upper",),
    "mu": ("mu",),
    "significance": ("z",),
    "-2 ln L": ("twice_nll",),
    "-2 ln L at mu = 0": ("twice_nll_null",),
    "relic density": (OMEGA_H2,),
}
"""What a figure shows, and the names under which a scan may hold it, the first one present counts.

In the names of expected limits {} stands for [-2] ... [2], or for nothing where one array holds all five.
"""

FLUCTUATIONS = (-2, -1, 0, 1, 2)
"""Standard deviations of the entries of an expected limit, along the last index or as an array for each."""

LEVELS = {"68%": 2.2957, "95%": 5.9915}
"""Rise of -2 ln L at the edge of a region of that probability, for two parameters."""

_BRIGHT, _PALE = "#9ecae1", "#deebf7"  # bands of one and two standard deviations: distinct as shades of grey
_LOG_SPAN = 30.0  # values that span more are shown on a logarithmic axis


@dataclass(frozen=True, eq=False)
class Scan:
    """Results at the points of a grid.

    axes: name and values (n_k,); arrays: name and values (n_1, ..., n_k) or (n_1, ..., n_k, m), NaN where a point
    failed; units: of axes, where known; model, cl: for labels, where known; source: for the line below the figure.
    """

    axes: dict[str, Array]
    arrays: dict[str, Array]
    units: dict[str, str] = field(default_factory=dict)
    model: str = ""
    cl: float | None = None
    source: str = "scan"

    def get(self, what: str) -> Array | None:
        """The array that holds an entry of `NAMES`, of the shape of the axes, or None."""
        return next((self.arrays[name] for name in NAMES[what] if name in self.arrays), None)

    def expected(self, what: str) -> Array | None:
        """(n_1, ..., 5) expected limits for `FLUCTUATIONS`, or None."""
        for name in NAMES[what]:
            parts = [self.arrays.get(name.format(f"[{n}]")) for n in FLUCTUATIONS]
            if (whole := self.arrays.get(name.format(""))) is not None:
                return whole
            if all(part is not None for part in parts):
                return np.stack([part for part in parts if part is not None], axis=-1)
        return None

    def twice_nll(self) -> Array | None:
        """(n_1, ...) -2 ln L; where a strength was fitted and is negative, that of no signal. None without it."""
        value, mu, null = self.get("-2 ln L"), self.get("mu"), self.get("-2 ln L at mu = 0")
        return value if value is None or mu is None or null is None else np.where(mu < 0.0, null, value)

    def label(self, axis: str) -> str:
        """Name of an axis with its unit."""
        unit = self.units.get(axis, "1")
        shown = literal(axis)
        return shown if unit in ("", "1", None) else f"{shown} [{literal(str(unit))}]"


def scan_of(axes: Mapping[str, ArrayLike], arrays: Mapping[str, ArrayLike], **labels: Any) -> Scan:
    """A scan from values in memory: axes (n,), arrays with a shape that begins (n_1, n_2, ...).

    null (None) becomes NaN, `labels` are further fields of `Scan`.

    Raises InputError with every axis that is not a list of numbers and every array that does not fit the axes.
    """
    problems: list[str] = []
    numbers = {name: _numbers(values) for name, values in axes.items()}
    for name, values in numbers.items():
        if values is None or values.ndim != 1 or not values.size or not np.all(np.isfinite(values)):
            problems.append(f"axes.{name}: must be a list of numbers")
    if problems or not numbers:
        raise InputError(problems or ["axes: at least one axis is needed"])
    known = {name: values for name, values in numbers.items() if values is not None}
    shape = tuple(values.size for values in known.values())
    found: dict[str, Array] = {}
    for name, entries in arrays.items():
        value = _numbers(entries)
        if value is None:
            continue  # flags and texts are not drawn
        if value.shape[: len(shape)] != shape:
            problems.append(f"arrays.{name}: has shape {value.shape}, the axes {shape}")
        found[name] = value
    if problems:
        raise InputError(problems)
    return Scan(known, found, **labels)


def read_scan(path: Path) -> Scan:
    """A scan from the JSON answer of `bkgen scan`.  Raises InputError if the file is not one."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not JSON"
        raise InputError(f"{path}: {reason}") from None
    axes, arrays = (data.get(key) if isinstance(data, dict) else None for key in ("axes", "arrays"))
    if not isinstance(axes, dict) or not isinstance(arrays, dict):
        raise InputError(f"{path}: not the answer of a scan, it needs the tables 'axes' and 'arrays'")
    try:
        return scan_of(axes, arrays, **_labels(data, path))
    except InputError as error:
        raise InputError([f"{path}: {problem}" for problem in error.problems]) from None


def figure_of(scan: Scan) -> Figure:
    """The figure that fits the scan: constraints, contours or relic density for two axes; limits, fitted BR and so on.

    Raises InputError if there is nothing that can be drawn.
    """
    dimensions = len(scan.axes)
    if dimensions in (1, 2) and EXCLUDED in scan.arrays:
        from . import constraint_plots

        return constraint_plots.figure_of(scan)
    if dimensions == 2 and scan.get("-2 ln L") is not None:
        return contours(scan)
    if dimensions == 2 and scan.get("relic density") is not None:
        return relic_map(scan)
    if dimensions == 1 and (scan.get("limit of BR") is not None or scan.get("limit") is not None):
        return limit_bands(scan)
    if dimensions == 1 and scan.get("fitted BR") is not None:
        return fitted(scan)
    if dimensions == 1 and scan.get("-2 ln L") is not None:
        return profile(scan)
    if dimensions == 1 and scan.get("relic density") is not None:
        return relic_line(scan)
    held = ", ".join(scan.arrays) or "nothing"
    wanted = f"'twice_nll' or '{OMEGA_H2}'"
    if dimensions == 1:
        wanted = f"'obs', 'BR(obs)', 'BR(fit)', {wanted}"
    if dimensions > 2:
        raise InputError(f"{scan.source}: {dimensions} axes, only scans along one or two can be drawn")
    raise InputError(f"{scan.source}: a figure along {', '.join(scan.axes)} needs {wanted}, the scan holds {held}")


def limit_bands(scan: Scan) -> Figure:
    """Observed limit, expected limit with bands of one and two standard deviations, and the model's prediction.

    Limits on the branching fraction if the scan holds them, otherwise on the strength, where the prediction is 1.
    """
    x = _only_axis(scan)
    observed, expected = scan.get("limit of BR"), scan.expected("expected limit of BR")
    strength = scan.get("limit")
    prediction = scan.get("branching fraction")
    ylabel = "branching fraction"
    if observed is None:
        observed, expected, ylabel = strength, scan.expected("expected limit"), r"strength $\mu$"
        prediction = np.ones_like(x)
    elif prediction is None and strength is not None:
        prediction = observed / strength
    with plain_style():
        figure = Figure(figsize=(6.4, 4.6), layout="constrained")
        axes = figure.subplots()
        shown = [y for y in (observed, expected, prediction) if y is not None]
        if expected is not None:
            axes.fill_between(x, expected[:, 0], expected[:, 4], color=_PALE, label=r"expected, 2$\sigma$")
            axes.fill_between(x, expected[:, 1], expected[:, 3], color=_BRIGHT, label=r"expected, 1$\sigma$")
            for edge in (0, 4):
                axes.plot(x, expected[:, edge], color="0.6", linewidth=0.6)
            axes.plot(x, expected[:, 2], "--", color=BLUE, label="expected, median")
        if observed is not None:
            axes.plot(x, observed, "-", color=BLACK, marker=_marker(x), markersize=3, label="observed")
        if prediction is not None:
            name = literal(scan.model) or "model"
            axes.plot(
                x, prediction, "-.", color=VERMILLION, label=rf"{name}, $\mu = 1$" if strength is not None else name
            )
        level = "upper limit" if scan.cl is None else f"{100.0 * scan.cl:g}% CL upper limit"
        axes.set_ylabel(f"{level} on the {ylabel}")
        _finish(axes, scan, x, np.concatenate([np.ravel(y) for y in shown]))
        figure.legend(loc="outside upper left", ncols=3)
        provenance(figure, scan.source)
    return figure


def fitted(scan: Scan) -> Figure:
    """Fitted branching fraction with its 68% interval and the model's prediction, and the significance below.

    Raises InputError if the scan does not hold it.
    """
    x = _only_axis(scan)
    best, lower, upper = (scan.get(what) for what in ("fitted BR", "lower end", "upper end"))
    if best is None:
        raise InputError(f"{scan.source}: the scan holds no {NAMES['fitted BR'][0]}")
    prediction, z = scan.get("branching fraction"), scan.get("significance")
    with plain_style():
        figure = Figure(figsize=(6.4, 5.6 if z is not None else 4.2), layout="constrained")
        panels = figure.subplots(2 if z is not None else 1, 1, sharex=True, squeeze=False)[:, 0]
        if lower is not None and upper is not None:
            panels[0].fill_between(x, lower, upper, color=_BRIGHT, label="68% interval")
            smallest = float(np.nanmin(upper - lower)) if np.any(np.isfinite(upper - lower)) else 0.0
            if 0.0 < _LOG_SPAN * smallest < np.nanmax(np.abs([lower, upper])):
                panels[0].set_yscale("symlog", linthresh=smallest)
        panels[0].plot(x, best, "-", color=BLUE, marker=_marker(x), markersize=3, label="fit")
        if prediction is not None:
            label = rf"{literal(scan.model) or 'model'}, $\mu = 1$"
            panels[0].plot(x, prediction, "-.", color=VERMILLION, label=label)
        panels[0].axhline(0.0, color="0.5", linewidth=0.8)
        panels[0].set_ylabel("fitted branching fraction")
        if z is not None:
            panels[1].plot(x, z, "-", color=GREEN, marker=_marker(x), markersize=3)
            panels[1].axhline(0.0, color="0.5", linewidth=0.8)
            panels[1].set_ylabel(r"local significance [$\sigma$]")
        _finish(panels[-1], scan, x)
        figure.legend(loc="outside upper left", ncols=3)
        provenance(figure, scan.source)
    return figure


def profile(scan: Scan) -> Figure:
    """-2 ln L relative to its smallest value, with the rises of 68% and 95% intervals for one parameter.

    Raises InputError if the scan does not hold it.
    """
    x = _only_axis(scan)
    value = scan.twice_nll()
    if value is None or not np.any(np.isfinite(value)):
        raise InputError(f"{scan.source}: the scan holds no -2 ln L")
    smallest = float(np.nanmin(value))
    with plain_style():
        figure = Figure(figsize=(6.4, 4.4), layout="constrained")
        axes = figure.subplots()
        axes.plot(x, value - smallest, "-", color=BLUE, marker=_marker(x), markersize=3)
        axes.plot(x[np.nanargmin(value)], 0.0, "*", color=VERMILLION, markersize=11, label="best point")
        reference = scan.get("-2 ln L at mu = 0")
        if reference is not None:
            axes.plot(x, reference - smallest, "-.", color=GREEN, label=r"no signal, $\mu = 0$")
        for text, rise, style in (("68%", 1.0, "--"), ("95%", 3.8415, ":")):
            axes.axhline(rise, color="0.4", linestyle=style, linewidth=1.0, label=f"{text} interval: {rise:.3g}")
        axes.set_ylabel(r"$-2\,\Delta\ln L$")
        axes.set_ylim(bottom=-0.3)
        _finish(axes, scan, x)
        axes.legend()
        provenance(figure, scan.source)
    return figure


def contours(scan: Scan) -> Figure:
    """Regions of 68% and 95% probability of two parameters, with the best point of the grid.

    Raises InputError unless there are two axes of at least two values and a finite -2 ln L.
    """
    value = scan.twice_nll()
    if value is None or len(scan.axes) != 2 or min(value.shape[:2]) < 2 or not np.any(np.isfinite(value)):
        raise InputError(f"{scan.source}: contours need -2 ln L along two axes of at least two values each")
    x, y, rise = _in_plane(scan, value - np.nanmin(value))
    with plain_style():
        figure = Figure(figsize=(6.2, 5.0), layout="constrained")
        axes = figure.subplots()
        shown = np.ma.masked_invalid(rise)
        levels = list(LEVELS.values())
        axes.contourf(x, y, shown, levels=[-1e-9, *levels], colors=[_BRIGHT, _PALE])
        if np.ma.min(shown) < levels[0] < np.ma.max(shown):
            lines = axes.contour(
                x, y, shown, levels=levels, colors=[BLUE, BLUE], linestyles=["-", "--"], linewidths=1.6
            )
            axes.clabel(lines, fmt=dict(zip(levels, LEVELS, strict=True)), fontsize=8)
        for style, text in zip(("-", "--"), LEVELS, strict=True):
            axes.plot([], [], style, color=BLUE, label=text)
        row, column = np.unravel_index(int(np.ma.argmin(shown)), shown.shape)
        axes.plot(x[column], y[row], "*", color=VERMILLION, markersize=12, label="best point of the grid")
        _finish_plane(axes, scan, rise)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        provenance(figure, f"{scan.source}; {_MEANING}")
    return figure


def relic_line(scan: Scan) -> Figure:
    """Relic density along one parameter, with the observed one.

    Raises InputError if the scan does not hold it.
    """
    x, density = _only_axis(scan), scan.get("relic density")
    if density is None:
        raise InputError(f"{scan.source}: the scan holds no {OMEGA_H2}")
    with plain_style():
        figure = Figure(figsize=(6.4, 4.4), layout="constrained")
        axes = figure.subplots()
        axes.plot(x, density, "-", color=BLUE, marker=_marker(x), markersize=3, label=literal(scan.model) or "model")
        axes.axhline(PLANCK, color=GREEN, linestyle="--", label=f"observed, {PLANCK:g}")
        axes.set_ylabel(r"$\Omega h^2$")
        _finish(axes, scan, x, np.append(density, PLANCK))
        axes.legend()
        provenance(figure, scan.source)
    return figure


def relic_map(scan: Scan) -> Figure:
    """Relic density in the plane of two parameters, with the line of the observed one.

    Raises InputError unless there are two axes of at least two values and a finite density.
    """
    density = scan.get("relic density")
    if density is None or min(density.shape[:2]) < 2 or not np.any(density > 0.0):
        raise InputError(f"{scan.source}: a map needs {OMEGA_H2} along two axes of at least two values each")
    x, y, density = _in_plane(scan, density)
    logarithm = np.ma.masked_invalid(np.log10(density))
    with plain_style():
        figure = Figure(figsize=(6.4, 5.0), layout="constrained")
        axes = figure.subplots()
        filled = axes.contourf(x, y, logarithm, levels=12, cmap="cividis")
        figure.colorbar(filled, ax=axes, label=r"$\log_{10}\,\Omega h^2$")
        wanted = np.log10(PLANCK)
        if np.ma.min(logarithm) < wanted < np.ma.max(logarithm):
            axes.contour(x, y, logarithm, levels=[wanted], colors="white", linewidths=2.0, linestyles="-")
        _finish_plane(axes, scan, density)
        provenance(figure, f"{scan.source}; white line: the observed density, {PLANCK:g}")
    return figure


def _in_plane(scan: Scan, values: Array) -> tuple[Array, Array, Array]:
    """Both axes in rising order, and values (n_y, n_x)."""
    x, y = scan.axes.values()
    order_x, order_y = np.argsort(x), np.argsort(y)
    return x[order_x], y[order_y], values[np.ix_(order_x, order_y)].T


def _finish_plane(axes: Axes, scan: Scan, values: Array) -> None:
    """Labels and scales of two axes, and crosses where values (n_y, n_x) are missing."""
    (x_name, x), (y_name, y) = ((name, np.sort(axis)) for name, axis in scan.axes.items())
    failed = np.argwhere(~np.isfinite(values))
    if len(failed):
        axes.plot(x[failed[:, 1]], y[failed[:, 0]], "x", color="0.4", markersize=5, label="no result")
    axes.set_xlabel(scan.label(x_name))
    axes.set_ylabel(scan.label(y_name))
    _scale(axes, "x", x)
    _scale(axes, "y", y)


_MEANING = "regions: -2 ln L rises by " + ", ".join(f"{rise:.2f} ({text})" for text, rise in LEVELS.items())


def _finish(axes: Axes, scan: Scan, x: Array, y: Array | None = None) -> None:
    axes.set_xlabel(scan.label(next(iter(scan.axes))))
    _scale(axes, "x", x)
    if x.min() < x.max():
        axes.set_xlim(x.min(), x.max())
    if y is not None:
        _scale(axes, "y", y, grid=False)
        if axes.get_yscale() == "linear":
            axes.set_ylim(bottom=0.0)
    axes.margins(y=0.1)


def _scale(axes: Axes, which: str, values: Array, *, grid: bool = True) -> None:
    """Logarithmic for positive values over more than `_LOG_SPAN`, on a grid only if its steps are even there."""
    finite = np.sort(values[np.isfinite(values)])
    if not finite.size or finite[0] <= 0.0 or finite[-1] < _LOG_SPAN * finite[0]:
        return
    if grid and np.std(np.diff(finite)) / np.mean(np.diff(finite)) < 0.1:
        return
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    (axes.xaxis if which == "x" else axes.yaxis).set_minor_formatter(NullFormatter())


def _only_axis(scan: Scan) -> Array:
    if len(scan.axes) != 1:
        raise InputError(f"{scan.source}: this figure needs one axis, the scan has {len(scan.axes)}")
    return next(iter(scan.axes.values()))


def _marker(x: Array) -> str:
    """Points of a coarse grid are marked, so that the straight lines between them are seen to be no results."""
    return "o" if x.size <= 40 else ""


def _numbers(values: ArrayLike) -> Array | None:
    """Numbers with NaN for null, or None for anything else."""
    try:
        found = np.asarray(values, dtype=object)
        if any(isinstance(entry, bool | str) for entry in found.ravel()):
            return None
        return found.astype(np.float64)  # None becomes NaN
    except (TypeError, ValueError, OverflowError):
        return None


def _labels(data: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Fields of `Scan` from the other entries of an answer; whatever is missing is left out of the figure."""
    card = data.get("card")
    block = card.get("model") if isinstance(card, dict) else None
    name = block.get("name") if isinstance(block, dict) else None
    known = registry().get(name) if isinstance(name, str) else None
    own = {} if known is None else {row.name: row.unit for row in parameters(known)}
    units = data.get("units")
    source = f"{path.name}, inputs {str(data.get('inputs_sha256', 'unknown'))[:12]}"
    return {
        "units": units if isinstance(units, dict) else own,
        "model": name if isinstance(name, str) else "",
        "cl": _confidence(data),
        "source": source,
    }


def _confidence(data: Mapping[str, Any]) -> float | None:
    """The confidence level, from `cl` in the answer, in its quantities or, the same at all points, in its arrays."""
    quantities, arrays = data.get("quantities"), data.get("arrays")
    entry = quantities.get("cl") if isinstance(quantities, dict) else None
    values = arrays.get("cl") if isinstance(arrays, dict) else None
    for found in (data.get("cl"), entry.get("value") if isinstance(entry, dict) else None, _first(values)):
        if isinstance(found, float | int) and 0.0 < found < 1.0:
            return float(found)
    return None


def _first(values: object) -> object:
    """The first entry of nested lists that is not null."""
    while isinstance(values, Sequence) and not isinstance(values, str):
        values = next((entry for entry in values if entry is not None), None)
    return values
