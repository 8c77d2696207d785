"""SVG files that are the same each time they are drawn, and that can be read on light and on dark pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

INK, PAPER, FAINT = "#1f2328", "#ffffff", "#d8dee4"
AT_NIGHT = {INK: "#e6edf3", PAPER: "#0d1117", FAINT: "#30363d"}
"""The colours that change with the reader's theme; those of the curves are seen well on both."""

STYLE: dict[str, Any] = {
    "svg.hashsalt": "treadle",  # ids by content, not by chance
    "svg.fonttype": "path",  # as wide as it was measured, whatever fonts the reader has
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "legend.frameon": False,
}


def save(figure: Figure, file: Path, title: str) -> None:
    """Write the file, without the time and with the colours for dark pages."""
    figure.savefig(file, format="svg", metadata={"Date": None, "Title": title})
    text = "\n".join(line.rstrip() for line in file.read_text("utf-8").splitlines()) + "\n"
    head, tag, rest = text.partition("<defs>")
    file.write_text(f"{head}<style>{_night()}</style>\n {tag}{rest}", "utf-8")


def _night() -> str:
    rules = [
        f'[style*="{what}: {day}"] {{ {what}: {night} !important }}'
        for day, night in AT_NIGHT.items()
        for what in ("fill", "stroke")
    ]
    return f"@media (prefers-color-scheme: dark) {{ {' '.join(rules)} }}"
