"""A process that stands still and then goes on: what it has to say about runs that it has lost is not heard."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from tests.durability.clients import client, create, ended, get, ids, joining, numbered
from tests.durability.place import Note, Place, servers
from tests.live import until
from tests.web.hook_receiver import SECRET, receiving

HOOKED = Path(__file__).parent / "hooked.json"
LEASE = 2.0


def worked_again(place: Place, begun: Note) -> list[Note]:
    """What the process of a note has begun since."""
    return [note for note in place.notes(what="started") if note.pid == begun.pid and note != begun]


def test_a_late_end_changes_nothing_and_is_told_to_nobody(place: Place) -> None:
    """The node blocks its loop: it cannot be cancelled, and comes to its end in both processes."""
    variables = {"LEASE_SECONDS": str(LEASE), "WEBHOOK_SECRET": SECRET, "N_JOBS_PER_WORKER": "1"}
    with (
        receiving() as receiver,
        servers(place, "api", "worker", "worker", config=HOOKED, **variables) as (api, *workers),
        client(api) as http,
    ):
        body = {**place.tale(pause=4, webhook=receiver.url, stream_resumable=True), "assistant_id": "blocking"}
        run_id = create(http, body)
        [begun] = until(lambda: place.notes(run_id, "started"))
        until(lambda: place.rows("SELECT seq FROM events"))  # its first event is in the store
        [stopped] = [each for each in workers if each.process.pid == begun.pid]
        stopped.process.send_signal(signal.SIGSTOP)
        until(lambda: time.time() > begun.at + 3 * LEASE)
        ended(http, run_id)
        until(lambda: get(http, run_id)["webhook_deliveries"][0]["status"] == "delivered")
        run = get(http, run_id)
        stopped.process.send_signal(signal.SIGCONT)
        # It has one slot, which is free again when it has said what it has to say about the run.
        until(lambda: ended(http, create(http, place.tale())) and worked_again(place, begun))
        assert http.get(f"/runs/{run_id}").json() == run
        assert (run["status"], run["attempts"]) == ("success", 2)
        assert len(receiver.of(run_id)) == 1
        with joining(http, run_id, "-1") as stream:
            events = stream.rest()
        assert ids(events) == numbered(len(events))
        assert [data["attempt"] for name, data, _ in events if name == "metadata"] == [1, 2]
