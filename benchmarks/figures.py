"""Figures: what was measured, on which machine, and the file that keeps both."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from benchmarks.spread import Spread


class Key(NamedTuple):
    """What a figure is about."""

    what: str
    """The load, such as `wait, 16 connections`."""
    server: str
    quantity: str
    """Such as `runs a second`; it names the unit."""
    at: int | None = None
    """The place on a curve, such as the number of events of a run."""


@dataclass
class Figures:
    """The values of each figure, one for each round."""

    machine: dict[str, str] = field(default_factory=dict)
    """What was measured on, and with which versions."""
    values: dict[Key, list[float]] = field(default_factory=dict)

    def add(self, key: Key, value: float) -> None:
        """Add the value of one round."""
        self.values.setdefault(key, []).append(float(f"{value:.4g}"))

    def spread(self, key: Key) -> Spread | None:
        """The spread of a figure; None if it was not measured."""
        return Spread.of(self.values[key]) if key in self.values else None

    def curve(self, what: str, server: str, quantity: str) -> dict[int, Spread]:
        """The spread at each place of a curve, in order."""
        found = {
            key.at: Spread.of(values)
            for key, values in self.values.items()
            if key[:3] == (what, server, quantity) and key.at is not None
        }
        return dict(sorted(found.items()))

    def write(self, file: Path) -> None:
        """Keep all in a file, one figure a line."""
        file.parent.mkdir(parents=True, exist_ok=True)
        figures = [json.dumps({**key._asdict(), "values": values}) for key, values in self.values.items()]
        machine = json.dumps(self.machine, indent=1)
        file.write_text(f'{{"machine": {machine},\n"figures": [\n' + ",\n".join(figures) + "\n]}\n", "utf-8")

    @classmethod
    def read(cls, file: Path) -> Figures:
        """What a file keeps."""
        document = json.loads(file.read_text("utf-8"))
        values = {Key(**{name: each[name] for name in Key._fields}): each["values"] for each in document["figures"]}
        return cls(document["machine"], values)
