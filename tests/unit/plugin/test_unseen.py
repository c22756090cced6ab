"""What a preview meets that the operator's last pass had no need to look at."""

from __future__ import annotations

import asyncio

from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.plugin.session import Place
from etcd_operator.plugin.unseen import add_unseen
from etcd_operator.runtime.kubernetes.api import CLAIMS
from etcd_operator.simulation.change import Change, change_spec
from etcd_operator.simulation.predict import predict
from tests.builders.snapshots import formed
from tests.fakes.kubernetes import ApiServer
from tests.fakes.user_api import FakeUserApi

OURS = {"etcd.etcd.io/cluster-uid": "uid"}


def look(api: FakeUserApi, snapshot: Snapshot) -> tuple[Snapshot, tuple[str, ...]]:
    return asyncio.run(add_unseen(api.session(Place()), snapshot, snapshot.spec))


def test_growth_waits_for_a_claim_of_somebody_else() -> None:
    server, snapshot = ApiServer(), formed(3)
    namespace = snapshot.naming.namespace
    server.put(CLAIMS, "data-db-3", {"metadata": {}}, namespace)
    server.put(CLAIMS, "data-db-4", {"metadata": {"labels": OURS}}, namespace)
    server.put(CLAIMS, "wal-db-0", {"metadata": {}}, namespace)
    server.put(CLAIMS, "data-other-0", {"metadata": {}}, namespace)
    seen, assumed = look(FakeUserApi(server), snapshot)
    assert (seen.unlabelled_claims, assumed) == (("data-db-3",), ())
    larger = change_spec(seen.cluster, {"size": 5})
    assert predict(seen, Change(cluster=larger)).reason == "ForeignClaim"
    assert predict(seen).reason == "Healthy"


def test_without_the_right_to_list_claims_none_are_assumed() -> None:
    api, snapshot = FakeUserApi(ApiServer()), formed(3)
    api.denied = {("list", "persistentvolumeclaims")}
    seen, assumed = look(api, snapshot)
    assert seen == snapshot
    assert "no right to list persistentvolumeclaims" in assumed[0]
