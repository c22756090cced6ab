"""Which operator serves an EtcdCluster, where several are installed.

The first to come writes the namespace it runs in on the EtcdCluster; all its replicas and later
versions have that namespace in common. Another operator that sees the cluster leaves it alone, and
asks from time to time, by an annotation beside that one. Whoever serves takes the question away.
If nobody does, nobody serves: then the one that asked takes over. No clock but its own decides.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from etcd_operator.api.cluster import EtcdCluster

# On the EtcdCluster: the namespace of the operator that serves it.
ANNOTATION_OPERATOR: Final = "etcd.etcd.io/operator"
# Beside it: the namespace of another operator that would serve it, and when it asked.
ANNOTATION_OPERATOR_ASKED: Final = "etcd.etcd.io/operator-asked"

_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
# Longer than a pass and the back-off before it can take: so long nobody answers who is alive.
ANSWER_WITHIN: Final = timedelta(seconds=120)
# How often to ask again an operator that has answered.
ASK_AGAIN_AFTER: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Serving:
    """Whether to serve a cluster, and the annotations to write (None removes one) before that.

    `namespace` is that of the operator that serves.
    """

    serves: bool
    annotations: Mapping[str, str | None] = field(default_factory=dict)
    namespace: str = ""

    @property
    def asks(self) -> bool:
        """Whether what is written is a question."""
        return not self.serves and bool(self.annotations.get(ANNOTATION_OPERATOR_ASKED))


def judge_serving(
    cluster: EtcdCluster, own: str, now: datetime, asked_before: datetime | None
) -> Serving:
    """Decide who serves; `asked_before` is when this process last asked, if it remembers."""
    serving_namespace = find_serving_namespace(cluster)
    asker, _, text = cluster.annotations.get(ANNOTATION_OPERATOR_ASKED, "").partition(" ")
    answer: dict[str, str | None] = {ANNOTATION_OPERATOR_ASKED: None} if asker else {}
    if serving_namespace in ("", own):
        entry = {} if serving_namespace else {ANNOTATION_OPERATOR: own}
        return Serving(True, {**entry, **answer}, own)
    moment = _read_time(text)
    age = now - moment if moment else None
    if asker == own and age is not None and age >= ANSWER_WITHIN:
        return Serving(True, {ANNOTATION_OPERATOR: own, **answer}, own)
    if asker and age is not None and timedelta() <= age < 2 * ANSWER_WITHIN:
        return Serving(False, namespace=serving_namespace)
    if asked_before is not None and now - asked_before < ASK_AGAIN_AFTER:
        return Serving(False, namespace=serving_namespace)
    question = f"{own} {now.strftime(_TIME)}"
    return Serving(False, {ANNOTATION_OPERATOR_ASKED: question}, serving_namespace)


def find_serving_namespace(cluster: EtcdCluster) -> str:
    """The namespace of the operator that serves; what no namespace can be called is nobody's."""
    namespace = cluster.annotations.get(ANNOTATION_OPERATOR, "")
    return namespace if _NAMESPACE.fullmatch(namespace) else ""


def _read_time(text: str) -> datetime | None:
    """Anybody may write an annotation: what is no time is as good as none."""
    try:
        return datetime.strptime(text, _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def is_served_by_another(cluster: EtcdCluster | None, own: str) -> bool:
    """Whether an operator other than the one in the namespace `own` serves a cluster."""
    serving_namespace = find_serving_namespace(cluster) if cluster else ""
    return serving_namespace not in ("", own)
