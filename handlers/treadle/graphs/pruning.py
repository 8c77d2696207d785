"""Which checkpoints of a thread may be deleted when only its latest state is to be kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping

Place = tuple[str, str]
"""The namespace and the id of a checkpoint; ids grow."""
Origin = tuple[str | None, Collection[str]]
"""The id of the checkpoint before, and the channels that do not have their whole value in this one."""


def older(checkpoints: Mapping[Place, Origin]) -> set[Place]:
    """All but the newest of each namespace. Channels that store only what has changed need earlier ones too."""
    newest: dict[str, str] = {}
    for namespace, checkpoint_id in checkpoints:
        newest[namespace] = max(checkpoint_id, newest.get(namespace, ""))
    needed: set[Place] = set()
    for namespace, newest_id in newest.items():
        place: Place | None = (namespace, newest_id)
        incomplete = set(checkpoints[namespace, newest_id][1])
        while place is not None and place in checkpoints:
            needed.add(place)
            parent_id, changes = checkpoints[place]
            incomplete &= set(changes)
            place = (namespace, parent_id) if incomplete and parent_id is not None else None
    return set(checkpoints) - needed
