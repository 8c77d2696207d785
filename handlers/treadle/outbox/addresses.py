"""From the URL of a webhook to the addresses that it may be sent to, or why it is not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import zip_longest

import httpx

from treadle.errors import InvalidRequest
from treadle.outbox.policy import WebhookPolicy
from treadle.outbox.ranges import LOOPBACK, RESERVED, objection
from treadle.outbox.resolving import Resolve

PORTS = {"http": 80, "https": 443}
_AUTHORITY = re.compile(r"https?://([^/?#@]+)(?=[/?#]|$)", re.IGNORECASE)
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]|\.(?!\.))*")
_LOCAL_NAMES = ("localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback", "loopback")
# Where clouds tell a machine its secrets, by name; their addresses are not public either.
_METADATA_NAMES = ("metadata", "instance-data", "internal", "local", "localdomain")


@dataclass(frozen=True, slots=True)
class Target:
    """Where an attempt goes: the URL as it was given, and the addresses that were checked."""

    url: httpx.URL
    addresses: tuple[str, ...]
    """In the order in which to try them; none: this server itself."""


class Addresses:
    """Judges the URLs of webhooks. Each refusal is an InvalidRequest (422) that begins with the field."""

    def __init__(self, policy: WebhookPolicy, resolve: Resolve) -> None:
        self._policy = policy
        self._resolve = resolve

    async def locate(self, text: str) -> Target:
        """Where a webhook to `text` goes now.

        Raises InvalidRequest if it may not go there, or there is no such host, and NamesBusy (503) if that cannot be
        found out now.
        One forbidden address among several is enough to refuse all: the next answer might be that one.
        """
        url = self._read(text)
        if text.startswith("/"):
            return Target(url, ())
        host = url.raw_host.decode("ascii")
        port = self._check_port(url)
        self._check_name(host.rstrip("."))
        try:
            ip_address(host)
            found, named = [host], False
        except ValueError:
            found, named = await self._addresses(host, port), True
        for address in found:
            against = objection(address)
            if against == RESERVED or (against == LOOPBACK and not self._policy.allow_loopback):
                raise _refusal(f"{host} {'leads to' if named else 'is'} {against}, which may not be called")
        return Target(url, _by_turns(found))

    def _read(self, text: str) -> httpx.URL:
        policy = self._policy
        if len(text) > policy.max_url_length:
            limit = f"{policy.max_url_length} characters (webhooks.url.max_url_length in langgraph.json)"
            raise _refusal(f"longer than {limit}")
        if any(character <= " " or character == "\x7f" or character == "\\" for character in text):
            raise _refusal("not a URL: it has a space, a control character or a backslash")
        try:
            url = httpx.URL(text)
        except (httpx.InvalidURL, ValueError, TypeError) as error:
            raise _refusal(f"not a URL: {error}") from None
        if text.startswith("/") and not text.startswith("//"):
            if not policy.allow_loopback:
                raise _refusal(
                    "a relative URL is for this server itself; webhooks.url.disable_loopback: false in langgraph.json "
                    "allows that"
                )
            return url
        if url.scheme not in PORTS:
            raise _refusal(f"{url.scheme!r} is no scheme to call; begin with https://")
        if policy.require_https and url.scheme != "https":
            raise _refusal("must be an https URL")
        # Check the text itself: lenient parsers read other forms differently.
        if not _AUTHORITY.match(text):
            raise _refusal("must have a host, and no user name or password (webhooks.headers in langgraph.json can)")
        return url

    def _check_port(self, url: httpx.URL) -> int:
        port = url.port if url.port is not None else PORTS[url.scheme]
        if not 0 < port < 65536:
            raise _refusal(f"there is no port {port}")
        if self._policy.allowed_ports and port not in self._policy.allowed_ports:
            raise _refusal(f"port {port} is not among the allowed ones (webhooks.url.allowed_ports in langgraph.json)")
        return port

    def _check_name(self, host: str) -> None:
        """Judge a host by its name alone, without asking anyone."""
        if not (_NAME.fullmatch(host) or _is_ipv6(host)):
            raise _refusal(f"{host!r} is not a host")
        domains = self._policy.allowed_domains
        if domains and not any(_is_within(host, domain) for domain in domains):
            raise _refusal(f"{host} is not among the allowed hosts (webhooks.url.allowed_domains in langgraph.json)")
        if (host in _LOCAL_NAMES or host.endswith(".localhost")) and not self._policy.allow_loopback:
            raise _refusal(f"{host} is this machine, which may not be called")
        if host not in _LOCAL_NAMES and host.rpartition(".")[2] in _METADATA_NAMES:
            raise _refusal(f"{host} is a name of the inside of a network, which may not be called")

    async def _addresses(self, host: str, port: int) -> list[str]:
        try:
            return list(await self._resolve(host, port))
        except OSError as error:
            raise _refusal(f"{host} cannot be called: {error}") from None


def _by_turns(addresses: list[str]) -> tuple[str, ...]:
    """IPv6 and IPv4 by turns: one of them may lead nowhere from here, and have all the first places."""
    families: dict[bool, list[str]] = {}
    for address in addresses:
        families.setdefault(":" in address, []).append(address)
    return tuple(address for turn in zip_longest(*families.values()) for address in turn if address is not None)


def _is_within(host: str, domain: str) -> bool:
    return host.endswith(domain[1:]) and host != domain[2:] if domain.startswith("*.") else host == domain


def _is_ipv6(host: str) -> bool:
    try:
        return ip_address(host).version == 6 and "%" not in host
    except ValueError:
        return False


def _refusal(reason: str) -> InvalidRequest:
    return InvalidRequest(f"webhook: {reason}")
