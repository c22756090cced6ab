"""Actions that no preview can foresee: whether they come depends on when something else happens."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from etcd_operator.core.membership.disks import Disk
from etcd_operator.core.recording.recorded_pass import RecordedPass

_LATE: Final = re.compile(r"Member (\S+) was too late to form the cluster: ")
_OUT: Final = re.compile(r"Took Pod (\S+) out of Service ")


def leads_back(sentence: str, done: Counter[str]) -> bool:
    """Whether a Pod is in the client Service again, which it had left when a voter was missed."""
    back = re.fullmatch(r"Labelled Pod (\S+) as a voter\.", sentence)
    return back is not None and any(each.startswith(f"Took Pod {back[1]} out ") for each in done)


def leaves_late(sentence: str, unanswered: Iterable[str]) -> bool:
    """Whether a Pod became Ready, and has to leave the client Service, while etcd refused."""
    out = _OUT.match(sentence)
    return out is not None and any(a.startswith(f"Removed member {out[1]} (") for a in unanswered)


def find_unready(passes: Iterable[RecordedPass]) -> set[str]:
    """The Pods that were not Ready, so in no Service, when their members were removed."""
    return {
        pod.name
        for each in passes
        for pod in each.snapshot.pods
        if not pod.ready
        and any(a.startswith(f"Removed member {pod.name} (") for a in each.actions[: each.done])
    }


def find_late(passes: Iterable[RecordedPass]) -> set[str]:
    """The members whose Pods came when the others had formed the cluster, as nobody can foresee."""
    told = (_LATE.match(each.message) for each in passes)
    return {late[1] for late in told if late}


def find_late_coming(name: str, more: Counter[str]) -> Counter[str]:
    """What is done for one of these, and nothing but that: it becomes a learner."""
    labels = (f"Labelled Pod {name} as a {role}." for role in ("learner", "voter"))
    joins = (f"Removed member {name}.", f"Added member {name} as a learner.")
    come = {*joins, *labels, f"Promoted learner {name} to voter."}
    restarts = f"Deleted Pod {name}: it crashed before it could join"
    return Counter({t: more[t] for t in more if t in come or t.startswith(restarts)})


def needs_not_leave(sentence: str, unready: Iterable[str]) -> bool:
    """Whether one of these Pods would have left the client Service, had it become Ready before."""
    out = _OUT.match(sentence)
    return out is not None and out[1] in unready


def find_rejoins(name: str, more: Counter[str]) -> Counter[str]:
    """What is done once more for a member whose first Pod joined, and nothing but that."""
    removed, added = f"Removed member {name}.", f"Added member {name} as a learner."
    again = min(more[removed], more[added])
    promoted = f"Promoted learner {name} to voter."
    # It crashed before it could join, or has its data on a disk that is being deleted.
    restarts = {text: more[text] for text in more if text.startswith(f"Deleted Pod {name}: ")}
    # Of two disks neither is any use any more.
    lost = f": its member {Disk.HALF.value}."
    disks = {
        f"Deleted PersistentVolumeClaim {kind}-{name}{lost}": again for kind in ("data", "wal")
    }
    return Counter({removed: again, added: again, promoted: again, **restarts, **disks})
