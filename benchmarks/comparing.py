"""Several runs of the same measurement side by side: do they agree within the spread that each of them states?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.figures import Figures
from benchmarks.goals import GOALS
from benchmarks.spread import agree


def lines(measured: Sequence[Figures]) -> Iterator[str]:
    """One for each goal that all of them measured, and the number of those on which they agree."""
    found, agreed = 0, 0
    for goal in GOALS:
        spreads = [spread for figures in measured if (spread := goal.measured(figures))]
        if len(spreads) < len(measured) or not spreads:
            continue
        found += 1
        agreed += agree(spreads)
        cells = [f"{goal.write(each.median)} ({goal.write(each.low)}-{goal.write(each.high)})" for each in spreads]
        verdict = "agree" if agree(spreads) else "DIFFER"
        yield f"{goal.what + ', ' + goal.store:52} {verdict:7} {'   '.join(f'{cell:>18}' for cell in cells)}"
    yield f"{agreed} of {found} agree: one value lies within the spread of every run"
