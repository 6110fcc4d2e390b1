"""The look of our figures, independent of what other packages set for the whole process."""

from __future__ import annotations

from contextlib import AbstractContextManager

from bkgen.errors import MissingExtra


def plain_style() -> AbstractContextManager[None]:
    """Matplotlib's own defaults inside the context: some packages (EOS) switch TeX on when they are imported."""
    try:
        from matplotlib import style
    except ImportError as error:
        raise MissingExtra("analysis", "matplotlib") from error
    return style.context("default")
