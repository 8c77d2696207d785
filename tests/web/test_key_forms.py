"""How API keys may be written in lists and files."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from treadle.errors import ConfigError
from treadle.keys import KeyRing, keys_in_list

pytestmark = pytest.mark.edge

KEY, OTHER = "first-key=with/odd+signs", "second-key"


def test_a_key_may_be_given_by_its_digest() -> None:
    listed = f"ana=sha256:{sha256(KEY.encode()).hexdigest()}\n\tben=sha256:{sha256(OTHER.encode()).hexdigest().upper()}"
    assert keys_in_list("here", listed) == keys_in_list("here", f"ana={KEY},ben={OTHER}")


def test_the_digest_of_nothing_is_no_key() -> None:
    """As `printf %s "$KEY" | sha256sum` prints it where the variable is not set."""
    with pytest.raises(ConfigError, match="SHA-256 of nothing"):
        keys_in_list("here", f"ana=sha256:{sha256(b'').hexdigest()}")


@pytest.mark.parametrize("kind", ["sha256", "SHA256", "Sha256"])
def test_a_digest_may_be_written_in_any_case(kind: str) -> None:
    ring = KeyRing(keys_in_list("here", f"ana={kind}:{sha256(KEY.encode()).hexdigest().upper()}"), None)
    assert ring.caller([KEY.encode()]) == "ana"
    assert ring.caller([f"{kind}:{sha256(KEY.encode()).hexdigest().upper()}".encode()]) is None


def test_lines_may_end_with_a_comment_and_files_begin_with_a_mark(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"\ufeffana={KEY}  # of the laptop\n#ben={OTHER}\neve=a#b\n", encoding="utf-8")
    ring = KeyRing((), keys)
    assert [ring.caller([key]) for key in (KEY.encode(), OTHER.encode(), b"a#b")] == ["ana", None, "eve"]
