"""A database that takes TLS alone: `sslmode` in DATABASE_URI means for each connection what it means for psql."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.cli.processes import check_refusal, treadle
from tests.database_server import DatabaseServer, a_database_server, installed
from tests.durability.clients import client, create, ended
from tests.durability.place import Place, servers
from tests.durability.stores import Schema
from tests.live import GRAPHS

pytestmark = pytest.mark.skipif(not installed(), reason="PostgreSQL: nothing to start a server with")

AUTHORITY = trustme.CA()
OTHER = trustme.CA()
HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def database() -> Iterator[DatabaseServer]:
    """A server whose certificate is for this machine's address, signed by AUTHORITY."""
    certificate = AUTHORITY.issue_cert(HOST)
    chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
    with a_database_server(HOST, certificate=(chain, certificate.private_key_pem.bytes())) as server:
        yield server


@pytest.fixture
def trusted(tmp_path: Path) -> Path:
    """The file with the certificate of AUTHORITY."""
    AUTHORITY.cert_pem.write_to_path(path := tmp_path / "authority.pem")
    return path


@pytest.mark.parametrize("mode", ["", "prefer", "require", "verify-ca", "verify-full"])
def test_runs_threads_and_items_go_over_tls(database: DatabaseServer, tmp_path: Path, trusted: Path, mode: str) -> None:
    query = f"?sslmode={mode}&sslrootcert={trusted}" if mode else ""
    place = Place(tmp_path, Schema(f"of_{mode.replace('-', '_')}", database.uri + query))
    with servers(place, "api", "worker") as (api, _), client(api) as http:
        assert ended(http, create(http, place.tale(steps=2)))["status"] == "success"
        thread = http.post("/threads", json={}).json()["thread_id"]
        assert http.get(f"/threads/{thread}/state").status_code == 200
        assert http.put("/store/items", json={"namespace": ["n"], "key": "k", "value": {}}).status_code == 204


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("sslmode=disable", "no encryption"),
        ("sslmode=verify-ca&sslrootcert={other}", "certificate verify failed"),
        ("sslmode=verify-full&sslrootcert={other}", "certificate verify failed"),
        ("sslmode=verify-full&sslrootcert={absent}", "a file or a socket that the address names is not there"),
        ("sslmode=require&sslcert={absent}&sslkey={absent}", "a file or a socket that the address names is not there"),
        ("sslmode=perhaps", "sslmode"),
    ],
)
def test_a_database_that_may_not_be_trusted_is_refused_at_the_start(
    database: DatabaseServer, tmp_path: Path, query: str, said: str
) -> None:
    OTHER.cert_pem.write_to_path(other := tmp_path / "other.pem")
    query = query.format(other=other, absent=tmp_path / "absent.pem")
    refusal = treadle("serve", GRAPHS, "--port", "0", env={"DATABASE_URI": f"{database.uri}?{query}"})
    check_refusal(refusal, "DATABASE_URI", said)


def test_a_certificate_is_for_the_host_in_the_address(database: DatabaseServer, trusted: Path) -> None:
    """`verify-full` alone compares them: the certificate is for the number, not for the name."""
    named = database.uri.replace(HOST, "localhost")
    refusal = treadle(
        "serve", GRAPHS, "--port", "0", env={"DATABASE_URI": f"{named}?sslmode=verify-full&sslrootcert={trusted}"}
    )
    check_refusal(refusal, "DATABASE_URI", "localhost")
