"""Figures of a scan of `constraints`: how far each point is from each limit, and the region that is left.

Limits that do not decide are dashed.  Where a limit does not apply its line ends.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bkgen.errors import InputError, MissingExtra
from bkgen.exclusions import EXCLUDED, ratio_name
from bkgen.limits import Limit, all_limits

from .responses import Array
from .scan_plots import Scan, _marker, _only_axis, _scale
from .style import literal, plain_style, provenance

try:
    from matplotlib.figure import Figure
except ImportError as error:
    raise MissingExtra("analysis", "matplotlib") from error

_SHADE = "0.88"
_FAR = 0.05  # lines whose ratio stays below this are left out
_MOST = 9  # lines in a figure, those that come closest
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8c564b", "#7f7f7f")


def figure_of(scan: Scan) -> Figure:
    """Ratios along one axis, or the excluded region of two.  Raises InputError for a scan without results."""
    if not np.any(np.isfinite(scan.arrays[EXCLUDED])):
        raise InputError(f"{scan.source}: no point of the scan has a result")
    return ratios(scan) if len(scan.axes) == 1 else regions(scan)


def ratios(scan: Scan) -> Figure:
    """Prediction over limit along one parameter; the shaded range is excluded."""
    x = _only_axis(scan)
    order = np.argsort(x)
    with plain_style():
        figure = Figure(figsize=(7.6, 4.8), layout="constrained")
        axes = figure.subplots()
        axes.fill_between(
            x[order],
            0.0,
            1.0,
            where=scan.arrays[EXCLUDED][order] == 1.0,
            transform=axes.get_xaxis_transform(),
            color=_SHADE,
            label="excluded",
        )
        for colour, (limit, ratio) in zip(_COLOURS, _lines(scan), strict=False):
            style = "-" if limit.decides else "--"
            label = literal(f"{limit.observable}: {limit.name}")
            axes.plot(x[order], ratio[order], style, color=colour, marker=_marker(x), markersize=3, label=label)
        axes.axhline(1.0, color="0.3", linewidth=0.8)
        axes.set_yscale("log")
        axes.set_ylabel("prediction over limit")
        axes.set_xlabel(scan.label(next(iter(scan.axes))))
        _scale(axes, "x", x)
        axes.margins(x=0.0)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8)
        provenance(figure, scan.source)
    return figure


def regions(scan: Scan) -> Figure:
    """The excluded region of two parameters, and a line for each limit where the prediction reaches it.

    Raises InputError unless both axes have at least two values.
    """
    (x_name, x), (y_name, y) = scan.axes.items()
    if min(x.size, y.size) < 2:
        raise InputError(f"{scan.source}: a region needs two axes of at least two values each")
    order = np.ix_(np.argsort(x), np.argsort(y))
    x, y = np.sort(x), np.sort(y)
    with plain_style():
        figure = Figure(figsize=(7.6, 5.0), layout="constrained")
        axes = figure.subplots()
        excluded = np.ma.masked_invalid(scan.arrays[EXCLUDED][order].T)
        axes.pcolormesh(x, y, np.ma.masked_equal(excluded, 0.0), cmap="Greys", vmin=0.0, vmax=6.0, shading="nearest")
        axes.fill_between([], [], [], color=_SHADE, label="excluded grid points")
        for colour, (limit, ratio) in zip(_COLOURS, _lines(scan), strict=False):
            shown = np.ma.masked_invalid(ratio[order].T)
            if np.ma.min(shown) < 1.0 < np.ma.max(shown):
                style = "-" if limit.decides else "--"
                axes.contour(x, y, np.ma.log(shown), levels=[0.0], colors=[colour], linestyles=[style], linewidths=1.5)
                axes.plot([], [], style, color=colour, label=literal(f"{limit.observable}: {limit.name}"))
        axes.set_xlabel(scan.label(x_name))
        axes.set_ylabel(scan.label(y_name))
        _scale(axes, "x", x)
        _scale(axes, "y", y)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8)
        provenance(figure, scan.source)
    return figure


def _lines(scan: Scan) -> Iterator[tuple[Limit, Array]]:
    """Limits with their ratios, those that exclude most points first, then the closest.

    Superseded ones, and those that are far away everywhere, are left out.
    """
    found = []
    for limit in all_limits():
        ratio = scan.arrays.get(ratio_name(limit.id))
        if ratio is not None and not limit.superseded_by and np.any(np.isfinite(ratio)):
            largest = float(np.nanmax(ratio))
            if largest > _FAR:
                found.append(((int(np.count_nonzero(ratio > 1.0)), largest), limit, ratio))
    found.sort(key=lambda entry: entry[0], reverse=True)
    yield from ((limit, ratio) for _, limit, ratio in found[:_MOST])
