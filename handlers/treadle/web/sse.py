"""Server-sent events, byte for byte as recorded: CRLF, `event`, `data`, and `id` only for resumable runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

from treadle.runs.attachments import Attachment
from treadle.storage.contract.events import FROM_NOW, Event, Follower
from treadle.web.headers import RawHeaders
from treadle.web.replies import Following, R_co


def frame(event: Event, *, with_id: bool) -> bytes:
    """One event in the wire's format."""
    if with_id:
        return b"event: %b\r\ndata: %b\r\nid: %d\r\n\r\n" % (event.name.encode(), event.data, event.seq)
    return b"event: %b\r\ndata: %b\r\n\r\n" % (event.name.encode(), event.data)


class EventStream(Following[R_co]):
    """A run's events. There is no closing event: the stream ends when the run has (recorded)."""

    start_headers: ClassVar[RawHeaders] = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"connection", b"keep-alive"),
        (b"x-accel-buffering", b"no"),
    ]
    heartbeat = b": heartbeat\r\n\r\n"

    def __init__(
        self,
        follower: Follower,
        *,
        with_ids: bool,
        period: float,
        headers: Mapping[str, str],
        only: Collection[str] | None = None,
        attachment: Attachment | None = None,
    ) -> None:
        super().__init__(follower, period=period, headers=headers, attachment=attachment)
        self._with_ids = with_ids
        self._only = only

    def render(self, events: Sequence[Event]) -> bytes:
        if self._only is not None:
            events = [event for event in events if wanted(event.name, self._only)]
        return b"".join([frame(event, with_id=self._with_ids) for event in events])

    async def last(self) -> bytes:
        return b""


def wanted(name: str, modes: Collection[str]) -> bool:
    """Whether an event belongs to one of the stream modes; `error` and `feedback` always do, `metadata` never
    (recorded).
    """
    mode = name.partition("|")[0].partition("/")[0]
    return mode in modes or name in ("error", "feedback") or (mode == "messages" and "messages-tuple" in modes)


def cursor(last_event_id: str | None) -> int | None:
    """The sequence number after which to go on. `-1` and `0` mean the start, and other text means from now on."""
    if last_event_id is None:
        return FROM_NOW
    text = last_event_id.strip()
    if text == "-1":
        return 0
    # Ten digits are more events than any run has; Python would refuse to read thousands of them.
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else FROM_NOW
