"""The Event of an action that took effect: its registered reason and its sentence."""

from __future__ import annotations

from typing import Final, NamedTuple

from etcd_operator.core.reasons.reason import Reason

# What sentences say was done, and how a preview says that it will be. What is not here, such as
# that a Pod has the memory of another revision, is said alike.
_AHEAD: Final = {
    "Added": "Add",
    "Asked": "Ask",
    "Compacted": "Compact",
    "Copied": "Copy",
    "Created": "Create",
    "Defragmented": "Defragment",
    "Deleted": "Delete",
    "Disabled": "Disable",
    "Disarmed": "Disarm",
    "Enabled": "Enable",
    "Ended": "End",
    "Evicted": "Evict",
    "Force-deleted": "Force-delete",
    "Granted": "Grant",
    "Issued": "Issue",
    "Labelled": "Label",
    "Listed": "List",
    "Moved": "Move",
    "Promoted": "Promote",
    "Removed": "Remove",
    "Requested": "Request",
    "Restored": "Restore",
    "Revoked": "Revoke",
    "Scaled": "Scale",
    "Took": "Take",
    "Updated": "Update",
}
# Of sentences that do not begin with what was done, or go on with it.
_PHRASES: Final = (
    (" entered the stage ", " enters the stage "),
    (" was undone.", " is undone."),
    ("; kept PersistentVolume ", "; keep PersistentVolume "),
    ("; it had no volume to keep.", "; it has no volume to keep."),
)


class ActionEvent(NamedTuple):
    """What the operator has done, in the past tense; a line of the log says the same."""

    reason: Reason
    sentence: str

    @property
    def ahead(self) -> str:
        """The sentence before it is done: `Create Service db: …` for `Created Service db: …`."""
        first, space, rest = self.sentence.partition(" ")
        for past, present in _PHRASES:
            rest = rest.replace(past, present)
        return f"{_AHEAD.get(first, first)}{space}{rest}"
