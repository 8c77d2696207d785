"""Every bug that can be planted has its finding, and a bug that is not found is told."""

from __future__ import annotations

import re
from pathlib import Path

from tests.contract.faults import Fault
from tests.contract.planted import NAMES
from tests.contract.planting import Found, judge, judge_clean
from tests.contract.plants import PLANTS, Plant

CHECKS = (Path(__file__).parent / "checks.py").read_text("utf-8")
PLANT = next(plant for plant in PLANTS if plant.bug == "no_metadata")
OWN = Fault("POST /runs/stream", PLANT.check, 200, "the first event is not metadata: it is values", "", "curl …")
OTHER = Fault("POST /runs/stream", PLANT.check, 200, "a line does not end with CRLF", "", "curl …")


def found(*faults: Fault, cases: int = 9) -> Found:
    return Found(faults, (), cases, 1.5)


def test_each_bug_has_a_finding_of_its_own() -> None:
    assert sorted(plant.bug for plant in PLANTS) == sorted(NAMES)
    # Each of our own checks has found something.
    own = re.findall(r"^@schemathesis\.check\n(?:@readable\n)?def (\w+)", CHECKS, re.MULTILINE)
    assert set(own) - {plant.check for plant in PLANTS} == set()


def test_a_bug_is_caught_by_its_own_finding_only() -> None:
    assert judge(PLANT, found(OTHER, OWN)).good
    for others in ((), (OTHER,)):
        missed = judge(PLANT, found(*others))
        assert not missed.good and missed.line.startswith("MISSED no_metadata")
    assert "CRLF" in judge(PLANT, found(OTHER)).line and "nothing" in judge(PLANT, found()).line


def test_anything_that_is_found_without_a_bug_is_wrong() -> None:
    assert judge_clean(PLANT.part, found()).good
    assert not judge_clean(PLANT.part, found(OTHER)).good
    assert not judge_clean(PLANT.part, found(cases=0)).good
    assert not judge_clean(PLANT.part, Found((), ("Schemathesis wrote no events",), 9, 1.5)).good


def test_a_finding_belongs_to_one_bug_of_a_check() -> None:
    def of(bug: str) -> Plant:
        return next(plant for plant in PLANTS if plant.bug == bug)

    assert of("no_metadata").explains(OWN) and not of("metadata_twice").explains(OWN)
    assert of("bare_newlines").explains(OTHER) and not of("no_metadata").explains(OTHER)
