"""Effective relativistic degrees of freedom of the Standard Model plasma, g_rho (energy) and g_s (entropy)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Literal

import numpy as np
from scipy.interpolate import CubicSpline

from ..constants import data_path, read_toml
from ..kinematics import FloatArray

DofName = Literal["SS", "WS"]
"""SS: table of arXiv:1803.01038; WS: fit of arXiv:0910.1066."""

_LN10 = math.log(10.0)
_FINE = 40  # nodes per decade of a fit that is turned into a spline


class DegreesOfFreedom:
    """g_rho and g_s as functions of temperature: cubic splines of ln g in log10 T, constant outside their nodes.

    ``DegreesOfFreedom.named`` is the way to one.  log10_T: (n,) of T in GeV, rising; g_rho, g_s: (n,), positive.
    Raises ValueError for nodes that do not rise or values that are not positive.
    """

    def __init__(self, name: str, log10_T: Sequence[float] | FloatArray, g_rho: FloatArray, g_s: FloatArray) -> None:
        nodes = np.asarray(log10_T, dtype=np.float64)
        if not (np.all(np.diff(nodes) > 0.0) and np.all(g_rho > 0.0) and np.all(g_s > 0.0)):
            raise ValueError("degrees of freedom need rising temperatures and positive values")
        self.name = name
        self._low, self._high = float(nodes[0]), float(nodes[-1])
        self._both = CubicSpline(nodes, np.log(np.stack([g_rho, g_s], axis=1)))
        self._slope = self._both.derivative()

    @classmethod
    def named(cls, name: DofName = "SS") -> DegreesOfFreedom:
        """The table of arXiv:1803.01038 (SS, 1 keV to 10 TeV) or the fit of arXiv:0910.1066 (WS).

        Raises ValueError for another name.
        """
        if name not in ("SS", "WS"):
            raise ValueError(f"unknown degrees of freedom {name!r}, one of: SS, WS")
        return _load(name)

    @classmethod
    def constant(cls, g: float) -> DegreesOfFreedom:
        """The same number at every temperature, for comparisons.  Raises ValueError unless it is positive."""
        return cls(f"g = {g}", [-6.0, 4.0], np.full(2, g), np.full(2, g))

    def g_rho(self, T: float | FloatArray) -> FloatArray:
        """Degrees of freedom of the energy density at T [GeV] of any shape."""
        return np.asarray(np.exp(self._both(self._inside(T))[..., 0]))

    def g_s(self, T: float | FloatArray) -> FloatArray:
        """Degrees of freedom of the entropy density at T [GeV] of any shape."""
        return np.asarray(np.exp(self._both(self._inside(T))[..., 1]))

    def slope_s(self, T: float | FloatArray) -> FloatArray:
        """d ln g_s/d ln T at T [GeV] of any shape; 0 outside the table."""
        log10_T = np.log10(T)
        inside = (log10_T >= self._low) & (log10_T <= self._high)
        return np.where(inside, self._slope(self._inside(T))[..., 1] / _LN10, 0.0)

    def _inside(self, T: float | FloatArray) -> FloatArray:
        return np.clip(np.log10(T), self._low, self._high)


@cache
def _load(name: DofName) -> DegreesOfFreedom:
    if name == "SS":
        log10_T, g_rho, g_s = np.loadtxt(data_path("gstar", "saikawa_shirai.csv"), delimiter=",", skiprows=1).T
        return DegreesOfFreedom(name, log10_T, g_rho, g_s)
    fit = read_toml(data_path("gstar", "wantz_shellard.toml"))
    log10_T = np.linspace(-6.0, 4.0, 10 * _FINE + 1)
    return DegreesOfFreedom(name, log10_T, _tanh_fit(fit["g_rho"], log10_T), _tanh_fit(fit["g_s"], log10_T))


def _tanh_fit(fit: dict[str, float | list[float]], log10_T: FloatArray) -> FloatArray:
    """exp(offset + sum height (1 + tanh((ln T - position)/width))) at (n,) temperatures."""
    height, position, width = (np.asarray(fit[key])[:, None] for key in ("height", "position", "width"))
    steps = height * (1.0 + np.tanh((_LN10 * log10_T - position) / width))
    return np.asarray(np.exp(fit["offset"] + steps.sum(axis=0)))
