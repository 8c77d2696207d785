"""The `webhooks` section of `langgraph.json`: where webhooks may go, and the headers that they carry."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from treadle.errors import ConfigError

Json = dict[str, Any]
MAX_URL_LENGTH = 4096
# The names of variables that headers may quote begin so, unless the section says otherwise.
ENV_PREFIX = "LG_WEBHOOK_"
_VARIABLE = re.compile(r"\$\{\{\s*env\.(\w+)\s*\}\}")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\x20-\x7e\t]*")
_DOMAIN = re.compile(r"(\*\.)?[A-Za-z0-9_.:-]+")
# Headers that an attempt sets itself, or that frame its body.
_OWN_HEADERS = frozenset(
    {
        "host",
        "content-length",
        "content-type",
        "transfer-encoding",
        "connection",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    }
)


@dataclass(frozen=True, slots=True)
class WebhookPolicy:
    """Where webhooks may go, in addition to the ban on addresses that are not public."""

    require_https: bool = False
    allow_loopback: bool = False
    """Whether this machine and this server (relative URLs) may be called: `disable_loopback: false`."""
    allowed_domains: tuple[str, ...] = ()
    """Hosts, or `*.` and a domain for every host below it; none: any."""
    allowed_ports: tuple[int, ...] = ()
    """None: any."""
    max_url_length: int = MAX_URL_LENGTH
    headers: Mapping[str, str] = field(default_factory=dict)


def read_policy(path: Path, section: Any, environment: Mapping[str, str]) -> WebhookPolicy:
    """The policy of the section as it stands in the file at `path`; None is none.

    Raises ConfigError with one line that says what to do.
    """
    if section is None:
        return WebhookPolicy()
    read = _Section(f"{path}: webhooks", section, ("env_prefix", "url", "headers"))
    url = _Section(
        f"{path}: webhooks.url",
        read.document.get("url", {}),
        ("require_https", "disable_loopback", "allowed_domains", "allowed_ports", "max_url_length"),
    )
    prefix = read.value("env_prefix", ENV_PREFIX, lambda value: isinstance(value, str) and value, "a word")
    domains = url.value("allowed_domains", [], _is_list(_is_domain), 'a list such as ["example.com", "*.example.com"]')
    for key in ("allowed_domains", "allowed_ports"):
        if url.document.get(key) == []:
            raise ConfigError(f"{url.name}.{key}: names none; leave it out for any")
    return WebhookPolicy(
        # Recorded: that there is such a section turns https on.
        require_https=url.value("require_https", True, _is_switch, "true or false"),
        allow_loopback=not url.value("disable_loopback", True, _is_switch, "true or false"),
        allowed_domains=tuple(domain.lower().rstrip(".") for domain in domains),
        allowed_ports=tuple(url.value("allowed_ports", [], _is_list(_is_port), "a list such as [443]")),
        max_url_length=url.value("max_url_length", MAX_URL_LENGTH, _is_length, "a number above 0"),
        headers=_headers(read, prefix, environment),
    )


class _Section:
    """An object of the configuration, whose keys are all known."""

    def __init__(self, name: str, document: Any, known: tuple[str, ...]) -> None:
        if not isinstance(document, dict):
            raise ConfigError(f"{name}: must be an object; leave it out for none")
        for key in document:
            if key not in known:
                raise ConfigError(f"{name}.{key}: there is no such setting; remove it ({', '.join(known)} are known)")
        self.name = name
        self.document: Json = document

    def value(self, key: str, default: Any, is_valid: Callable[[Any], Any], form: str) -> Any:
        """The value of a key. Raises ConfigError for one of another form."""
        value = self.document.get(key)
        if value is None:
            return default
        if not is_valid(value):
            raise ConfigError(f"{self.name}.{key}: {value!r} is not {form}")
        return value


def _headers(section: _Section, prefix: str, environment: Mapping[str, str]) -> dict[str, str]:
    given = section.value("headers", {}, lambda value: isinstance(value, dict), "an object of headers")
    headers = {}
    for name, text in given.items():
        where = f"{section.name}.headers.{name}"
        if not _TOKEN.fullmatch(name) or name.lower() in _OWN_HEADERS:
            raise ConfigError(f"{where}: a webhook cannot carry this header; remove it")
        if not isinstance(text, str):
            raise ConfigError(f"{where}: must be a string")
        for variable in _VARIABLE.findall(text):
            if not variable.startswith(prefix):
                raise ConfigError(f"{where}: {variable} does not begin with {prefix}; rename the variable")
            if variable not in environment:
                raise ConfigError(f"{where}: {variable} is not set; set it in the environment, or remove the header")
        value = _VARIABLE.sub(lambda match: environment[match[1]], text)
        if re.search(r"\$\{", text.replace("${{", "")) or "${{" in value:
            raise ConfigError(f"{where}: only ${{{{ env.{prefix}… }}}} can be filled in")
        if not _VALUE.fullmatch(value):
            raise ConfigError(f"{where}: the value must be one line of ASCII")  # not shown: it may be a secret
        headers[name] = value.strip()
    return headers


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool)


def _is_length(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_domain(value: Any) -> bool:
    return isinstance(value, str) and _DOMAIN.fullmatch(value) is not None


def _is_port(value: Any) -> bool:
    return _is_length(value) and value < 65536


def _is_list(is_item: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(is_item, value))
