"""bkgen: events, rates and the Belle II likelihood of B -> K(*) + invisible decays.

import bkgen
card = bkgen.load_card("cards/dark_higgs.yaml")
bkgen.rates(card)
bkgen.run(card)
events = bkgen.open("outputs/dark_higgs.root").awkward()
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import (
        Card,
        RunResult,
        cite,
        constraints,
        generate,
        load_card,
        merge,
        open,
        rates,
        relic,
        resume,
        reweight,
        run,
        run_all,
        solve,
    )

__version__ = version("bkgen")
__all__ = [
    "Card", "RunResult", "__version__", "cite", "constraints", "generate", "load_card", "merge", "open", "rates",
    "relic", "resume", "reweight", "run", "run_all", "solve",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Public names are imported on first use, so that `import bkgen` stays fast."""
    if name in __all__:
        return getattr(import_module(".api", __name__), name)
    raise AttributeError(f"module {__name__} has no attribute {name}")
