"""What is stored is encrypted: nothing of it can be read in the files, and clients see everything."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.web.hook_receiver import receiving
from tests.web.vaults import SECRET, everything, places, vault


@pytest.mark.parametrize("settings", [{}, {"isolated_loops": True}], ids=["", "isolated loops"])
def test_no_file_has_what_clients_see(tmp_path: Path, settings: dict[str, bool]) -> None:
    with receiving() as hooks:
        with vault(tmp_path, **settings) as http:
            told = list(everything(http, hooks))
            assert [(part, read()) for part, read in told] == [(part, part) for part, _ in told]
            assert len({part for part, _ in told}) > 12
            assert places(tmp_path, SECRET) == []  # with the log that is written ahead
            assert "runs.db-wal" in [path.name for path in tmp_path.iterdir()]
        assert places(tmp_path, SECRET) == []


def test_memory_behaves_alike(tmp_path: Path) -> None:
    with receiving() as hooks, vault(tmp_path, database_uri="memory://") as http:
        told = list(everything(http, hooks))
        assert [(part, read()) for part, read in told] == [(part, part) for part, _ in told]
