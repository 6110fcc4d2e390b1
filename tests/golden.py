"""Numbers of every card in `cards/`, kept so that a change of any of them is seen.

`python tests/golden.py` writes tests/reference/golden.json again.  A number that has changed by more than rounding
belongs under *Changed* in CHANGELOG.md, with its size.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from bkgen import __version__, api
from bkgen.io.metadata import content_sha256, data_sha256
from bkgen.jobs import sample_of

CARDS = sorted((Path(__file__).parent.parent / "cards").glob("*.yaml"))
TABLE = Path(__file__).parent / "reference" / "golden.json"
EVENTS = 1000


def golden(path: Path) -> dict[str, Any]:
    """Rates of a card, and of its first 1000 events the digest and the sums of q2 and q2_rec [GeV^2].

    The digest holds every bit: another processor may round differently, so it is for the record, the rest is compared.
    """
    card = api.load_card(path).override(events=EVENTS, seed=1)
    batch = sample_of(card).chunk(0)
    sums = {name: float(np.sum(batch.columns[name], dtype=np.float64)) for name in ("q2", "q2_rec")}
    rates = {q.name: q.value for q in api.rates(card, uncertainties=False) if isinstance(q.value, float)}
    return {"card": path.stem, "content_sha256": content_sha256([batch.digest()]), "sums": sums, "rates": rates}


def main() -> None:
    """Write the table, one card a line."""
    rows = [golden(path) for path in CARDS]
    about = {"bkgen": __version__, "data_sha256": data_sha256(), "events": EVENTS, "source": "python tests/golden.py"}
    lines = ",\n".join(json.dumps(row, allow_nan=False) for row in [about, *rows])
    TABLE.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
