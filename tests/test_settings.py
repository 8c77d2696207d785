"""Settings as the environment gives them, and as they are shown."""

from __future__ import annotations

import pytest

from treadle.settings import Settings


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("postgresql://ana:secret@host/name", "postgresql://ana@host/name"),
        ("postgresql://ana:se@cr:et@host:5432/name?password=secret", "postgresql://ana@host:5432/name"),
        ("postgresql://ana:s/e?c#r@host/name?sslmode=require", "postgresql://ana@host/name"),
        ("postgresql://ana@host/name", "postgresql://ana@host/name"),
        ("postgresql://:secret@host/name", "postgresql://@host/name"),
        ("sqlite:////srv/runs.db", "sqlite:////srv/runs.db"),
        ("memory://", "memory://"),
    ],
)
def test_a_database_is_shown_without_its_password(uri: str, shown: str) -> None:
    settings = Settings.from_environment({"DATABASE_URI": uri, "DATABASE_DIRECT_URI": uri})
    assert settings.store_shown == shown
    assert "secret" not in repr(settings)


def test_the_number_of_assistants_can_be_set() -> None:
    assert Settings.from_environment({"MAX_ASSISTANTS": "5"}).max_assistants == 5
