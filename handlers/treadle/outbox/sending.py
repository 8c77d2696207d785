"""One attempt at a delivery: a POST to the very address that was checked, with nothing followed and little read."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx

from treadle import __version__
from treadle.encoding import encode
from treadle.errors import InvalidRequest
from treadle.outbox.addresses import Addresses, Target
from treadle.outbox.signing import Signer
from treadle.runs.views import timestamp
from treadle.storage.deliveries import MOMENT, Delivery

# What is read of an answer, so that the receiver may finish it: bytes and seconds. Nothing comes of it.
ANSWER_BYTES = 16 * 1024
ANSWER_SECONDS = 1.0
Application = Callable[..., Any]
"""An ASGI application."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said."""

    status: int
    retry_after: str | None


class Undeliverable(Exception):
    """Why there was no answer, in a few words that may be shown."""


class Sender:
    """Makes attempts. Neither proxies, cookies nor credentials of the environment go with them."""

    def __init__(
        self,
        addresses: Addresses,
        signer: Signer,
        headers: Mapping[str, str],
        inside: Callable[[], Application],
        *,
        timeout: float,
    ) -> None:
        self._addresses = addresses
        self._signer = signer
        self._headers = headers
        self._inside = inside
        self._application: Application | None = None
        self._tls: ssl.SSLContext | None = None
        self._timeout = timeout

    async def send(self, delivery: Delivery, at: float) -> Answer:
        """Make an attempt `at` that time. Raises Undeliverable, after the timeout at the latest."""
        try:
            async with asyncio.timeout(self._timeout):
                target = await self._addresses.locate(delivery.url)
                return await self._post(target, self._request(target, delivery, at))
        except InvalidRequest as error:
            raise Undeliverable(str(error).removeprefix("webhook: ")) from None
        except TimeoutError:
            raise Undeliverable(f"no answer within {self._timeout:g} seconds") from None
        except httpx.HTTPError as error:
            raise Undeliverable(f"{type(error).__name__}: {error}"[:200]) from None

    def _request(self, target: Target, delivery: Delivery, at: float) -> httpx.Request:
        body = (delivery.body or b"{}").replace(MOMENT, encode(timestamp(at)))
        headers = {
            "user-agent": f"treadle/{__version__}",
            "accept": "*/*",
            **{name.lower(): value for name, value in self._headers.items()},
            "content-type": "application/json",
            "connection": "close",
            **self._signer.headers(delivery.delivery_id, at, body),
        }
        if target.address is None:
            return httpx.Request("POST", httpx.URL("http://treadle").join(target.url), headers=headers, content=body)
        return httpx.Request(
            "POST",
            # Another look-up of the name could lead somewhere else: the connection is made to what was checked.
            target.url.copy_with(host=target.address),
            headers={"host": target.url.netloc.decode("ascii"), **headers},
            content=body,
            extensions={"sni_hostname": target.url.raw_host.decode("ascii").rstrip(".")},
        )

    async def _post(self, target: Target, request: httpx.Request) -> Answer:
        async with await self._transport(target) as transport:
            response = await transport.handle_async_request(request)
            try:
                with suppress(httpx.HTTPError, TimeoutError):
                    async with asyncio.timeout(ANSWER_SECONDS):
                        await _read_some(response)
            finally:
                await response.aclose()
            return Answer(response.status_code, response.headers.get("retry-after"))

    async def _transport(self, target: Target) -> httpx.AsyncBaseTransport:
        """A connection of its own for each attempt: the next one may have to go to another address."""
        if target.address is None:
            if self._application is None:
                self._application = self._inside()
            return httpx.ASGITransport(self._application, raise_app_exceptions=False)
        if target.url.scheme == "https" and self._tls is None:
            self._tls = await asyncio.to_thread(httpx.create_ssl_context)
        # Without TLS there is nothing to verify, and loading the certificates takes a while.
        return httpx.AsyncHTTPTransport(verify=self._tls or False, trust_env=False)


async def _read_some(response: httpx.Response) -> None:
    size = 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > ANSWER_BYTES:
            return
