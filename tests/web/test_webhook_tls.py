"""A webhook over TLS: the certificate must be that of the named host, though the server calls its address."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.live import serving
from tests.web.calls import create
from tests.web.hook_receiver import HOOKED, receiving, until_delivery

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")


async def here(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


def test_the_certificate_is_held_against_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    making = f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {certificate} -days 2 -subj /CN=hooks.test"
    making += " -addext subjectAltName=DNS:hooks.test"
    subprocess.run(making.split(), check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    asked: list[str] = []
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    tls.sni_callback = lambda connection, name, context: asked.append(name)
    with (
        receiving() as receiver,
        serving(HOOKED, resolve=here) as live,
        live.client() as http,
    ):
        receiver.socket = tls.wrap_socket(receiver.socket, server_side=True)
        right = create(http, "simple", {"foo": 1}, webhook=f"https://hooks.test:{receiver.port}/")["run_id"]
        until_delivery(http, right, "delivered")
        assert receiver.first(right).headers["host"] == f"hooks.test:{receiver.port}"
        wrong = create(http, "simple", {"foo": 1}, webhook=f"https://other.test:{receiver.port}/")["run_id"]
        [attempt, *_] = until_delivery(http, wrong, "pending")["attempts"]
        assert "CERTIFICATE_VERIFY_FAILED" in attempt["error"] and receiver.of(wrong) == []
    assert {"hooks.test", "other.test"} == set(asked)
