"""A fault in the settings of webhooks is reported in one line before anything is served; secrets are not shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.processes import check_refusal, treadle
from tests.live import GRAPHS
from treadle.errors import ConfigError
from treadle.outbox.policy import WebhookPolicy, read_policy
from treadle.outbox.signing import Signer

PATH = Path("langgraph.json")
ENVIRONMENT = {"LG_WEBHOOK_A": "a", "OTHER": "b", "LG_WEBHOOK_BAD": "secret\nline"}
WRONG: list[tuple[Any, list[str]]] = [
    ([], ["webhooks: must be an object"]),
    ("x", ["webhooks: must be an object"]),
    ({"urls": {}}, ["webhooks.urls", "env_prefix, url, headers"]),
    ({"url": {"require_tls": True}}, ["webhooks.url.require_tls"]),
    ({"url": []}, ["webhooks.url: must be an object"]),
    ({"url": None}, ["webhooks.url: must be an object"]),
    ({"url": {"require_https": "no"}}, ["webhooks.url.require_https", "true or false"]),
    ({"url": {"disable_loopback": 0}}, ["webhooks.url.disable_loopback", "true or false"]),
    ({"url": {"allowed_domains": "example.com"}}, ["webhooks.url.allowed_domains", "*.example.com"]),
    ({"url": {"allowed_domains": ["https://example.com"]}}, ["webhooks.url.allowed_domains", "*.example.com"]),
    ({"url": {"allowed_ports": [70000]}}, ["webhooks.url.allowed_ports", "[443]"]),
    ({"url": {"allowed_ports": ["443"]}}, ["webhooks.url.allowed_ports", "[443]"]),
    ({"url": {"max_url_length": 0}}, ["webhooks.url.max_url_length", "above 0"]),
    ({"headers": ["x"]}, ["webhooks.headers", "an object"]),
    ({"headers": {"X": 5}}, ["webhooks.headers.X", "string"]),
    ({"headers": {"X Y": "z"}}, ["webhooks.headers.X Y", "remove"]),
    ({"headers": {"Webhook-Id": "z"}}, ["webhooks.headers.Webhook-Id", "remove"]),
    ({"headers": {"Host": "z"}}, ["webhooks.headers.Host", "remove"]),
    ({"headers": {"X": "${{ env.LG_WEBHOOK_B }}"}}, ["webhooks.headers.X", "LG_WEBHOOK_B is not set"]),
    ({"headers": {"X": "${{ env.OTHER }}"}}, ["webhooks.headers.X", "does not begin with LG_WEBHOOK_"]),
    ({"headers": {"X": "${{ secrets.X }}"}}, ["webhooks.headers.X", "LG_WEBHOOK_"]),
    ({"headers": {"X": "${{ env.LG_WEBHOOK_BAD }}"}}, ["webhooks.headers.X", "one line"]),
    ({"headers": {"X": "${env.LG_WEBHOOK_A}"}}, ["webhooks.headers.X", "LG_WEBHOOK_"]),
    ({"url": {"allowed_domains": []}}, ["webhooks.url.allowed_domains", "leave it out"]),
    ({"url": {"allowed_ports": []}}, ["webhooks.url.allowed_ports", "leave it out"]),
    ({"env_prefix": ""}, ["webhooks.env_prefix"]),
]


@pytest.mark.parametrize(("section", "said"), WRONG, ids=lambda case: json.dumps(case)[:50])
def test_a_section_that_cannot_be_read_is_refused_by_name(section: Any, said: list[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        read_policy(PATH, section, ENVIRONMENT)
    text = str(refused.value)
    assert text.startswith("langgraph.json: webhooks") and "\n" not in text and "secret" not in text
    for part in said:
        assert part in text


def test_headers_quote_variables_of_the_prefix() -> None:
    headers = {"A": "Bearer ${{ env.LG_WEBHOOK_A }}", "B": "${{env.LG_WEBHOOK_A}}-${{ env.LG_WEBHOOK_A }}"}
    assert read_policy(PATH, {"headers": headers}, ENVIRONMENT).headers == {"A": "Bearer a", "B": "a-a"}
    section = {"env_prefix": "OTHER", "headers": {"A": "${{ env.OTHER }}"}}
    assert read_policy(PATH, section, ENVIRONMENT).headers == {"A": "b"}
    assert read_policy(PATH, None, {}) == WebhookPolicy()


@pytest.mark.parametrize("secret", ["", " ", "plain", "whsec_", "whsec_!!!!", "whsec_c2hvcnQ=", "whsec_" + "a" * 200])
def test_a_secret_that_cannot_sign_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Signer(secret)
    text = str(refused.value)
    assert text.startswith("WEBHOOK_SECRET") and (len(secret.strip()) < 8 or secret not in text)


def test_the_server_says_so_before_it_serves(tmp_path: Path) -> None:
    config = tmp_path / "langgraph.json"
    graphs = {"simple": f"{GRAPHS.parent / 'graphs_under_test.py'}:simple"}
    config.write_text(json.dumps({"graphs": graphs, "webhooks": {"headers": {"X": "${{ env.LG_WEBHOOK_MISSING }}"}}}))
    serve = ("serve", config, "--port", "0", "--database-uri", "memory://")
    check_refusal(treadle(*serve), "webhooks.headers.X", "LG_WEBHOOK_MISSING is not set")
    serve = ("serve", GRAPHS, "--port", "0", "--database-uri", "memory://")
    check_refusal(treadle(*serve, env={"WEBHOOK_SECRET": "whsec_tooshort"}), "WEBHOOK_SECRET", "base64")
