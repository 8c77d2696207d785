"""One attempt at a delivery: a POST to an address that was checked, with nothing followed and little read."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx

from treadle import __version__
from treadle.encoding import encode, timestamp
from treadle.errors import TreadleError
from treadle.outbox.addresses import Addresses, Target
from treadle.outbox.signing import Signer
from treadle.storage.contract.deliveries import MOMENT, Delivery

# Bytes and seconds of an answer that are read, so that the receiver can finish it. The content is ignored.
ANSWER_BYTES = 16 * 1024
ANSWER_SECONDS = 1.0
ADDRESSES = 4
"""How many of a host's addresses one attempt may try to connect to."""
Application = Callable[..., Any]
"""An ASGI application."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a receiver."""

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
        answer = None
        try:
            async with asyncio.timeout(self._timeout) as patience, AsyncExitStack() as open_:
                target = await self._addresses.locate(delivery.url)
                response = await self._post(target, delivery, at, patience.when() or 0.0, open_)
                answer = Answer(response.status_code, response.headers.get("retry-after"))
                if not patience.expired():
                    patience.reschedule(asyncio.get_running_loop().time() + ANSWER_SECONDS)
                await _read_some(response)
        except (TreadleError, TimeoutError, httpx.HTTPError) as error:
            # The status decides about the delivery; an error in the rest of the answer does not matter.
            if answer is None:
                raise Undeliverable(self._reason(error)) from None
        assert answer is not None
        return answer

    def _reason(self, error: Exception) -> str:
        if isinstance(error, TreadleError):
            return str(error).removeprefix("webhook: ")
        if isinstance(error, TimeoutError):
            return f"no answer within {self._timeout:g} seconds"
        return f"{type(error).__name__}: {error}"[:200]

    async def _post(
        self, target: Target, delivery: Delivery, at: float, ends: float, open_: AsyncExitStack
    ) -> httpx.Response:
        """The beginning of the answer, from the first address that takes a connection; that one stays open."""
        if not target.addresses:
            request = self._request(target, None, delivery, at)
            return await (await self._transport(target, open_)).handle_async_request(request)
        addresses, now = target.addresses[:ADDRESSES], asyncio.get_running_loop().time
        for number, address in enumerate(addresses):
            request = self._request(target, address, delivery, at)
            left = len(addresses) - number
            try:
                async with asyncio.timeout((ends - now()) / left if left > 1 else None) as patience:
                    request.extensions["trace"] = _watching(patience, open_)
                    return await (await self._transport(target, open_)).handle_async_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout, TimeoutError):
                if left == 1:
                    raise
        raise AssertionError("a host has addresses")

    def _request(self, target: Target, address: str | None, delivery: Delivery, at: float) -> httpx.Request:
        body = (delivery.body or b"{}").replace(MOMENT, encode(timestamp(at)))
        headers = {
            "user-agent": f"treadle/{__version__}",
            "accept": "*/*",
            **{name.lower(): value for name, value in self._headers.items()},
            "content-type": "application/json",
            "connection": "close",
            **self._signer.headers(delivery.delivery_id, at, body),
        }
        if address is None:
            return httpx.Request("POST", httpx.URL("http://treadle").join(target.url), headers=headers, content=body)
        return httpx.Request(
            "POST",
            # A second look-up of the name could return another address: connect to the one that was checked.
            target.url.copy_with(host=address),
            headers={"host": target.url.netloc.decode("ascii"), **headers},
            content=body,
            extensions={"sni_hostname": target.url.raw_host.decode("ascii").rstrip(".")},
        )

    async def _transport(self, target: Target, open_: AsyncExitStack) -> httpx.AsyncBaseTransport:
        """A connection of its own for each attempt: the next one may have to go to another address."""
        if not target.addresses:
            if self._application is None:
                self._application = self._inside()
            return httpx.ASGITransport(self._application, raise_app_exceptions=False)
        if target.url.scheme == "https" and self._tls is None:
            self._tls = await asyncio.to_thread(httpx.create_ssl_context)
        # Without TLS there is nothing to verify, and loading the certificates takes a while.
        transport = httpx.AsyncHTTPTransport(verify=self._tls or False, trust_env=False)
        return await open_.enter_async_context(transport)


def _watching(patience: asyncio.Timeout, open_: AsyncExitStack) -> Callable[[str, Any], Awaitable[None]]:
    """A trace for the HTTP client: this patience is for the connection, and ends before anything is sent."""

    async def trace(event: str, about: Any) -> None:
        if event == "connection.connect_tcp.complete":
            # The client forgets its socket if time is up before there is TLS.
            open_.push_async_callback(about["return_value"].aclose)
        elif event == "http11.send_request_headers.started":
            if patience.expired():
                await asyncio.sleep(0)  # too late: here the attempt is cancelled
            else:
                patience.reschedule(None)

    return trace


async def _read_some(response: httpx.Response) -> None:
    size = 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > ANSWER_BYTES:
            return
