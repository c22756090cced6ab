"""A backup to S3 by the identity of a ServiceAccount, as on AWS: no Secret has its keys."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

import pytest

from demo.object_store import ACCESS_KEY, BUCKET, SECRET_KEY, ObjectStore, issue
from deploy.target import Target
from etcd_operator.json_types import Json
from tests.e2e import mutating_webhook
from tests.e2e.backup_harness import Task
from tests.e2e.harness import Cluster
from tests.e2e.secured import put_secret
from tests.e2e.wire import own_address
from tests.harnesses.token_service import AUDIENCE, ROLE, TokenService, serve_tokens

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

ACCOUNT: Final = "backups"
REVIEWS: Final = "/apis/authentication.k8s.io/v1/tokenreviews"
PLACE: Final = "/var/run/secrets/eks.amazonaws.com/serviceaccount"


def give_identity(sts: str, pod: Json) -> None:
    """What AWS's webhook adds to the Pods of a ServiceAccount that has a role.

    Source: https://github.com/aws/amazon-eks-pod-identity-webhook
    """
    spec = pod["spec"]
    volumes = spec.setdefault("volumes", [])
    if spec["serviceAccountName"] != ACCOUNT or any(v["name"] == "aws" for v in volumes):
        return
    token = {"audience": AUDIENCE, "expirationSeconds": 86400, "path": "token"}
    volumes.append({"name": "aws", "projected": {"sources": [{"serviceAccountToken": token}]}})
    variables = {
        "AWS_ROLE_ARN": ROLE,
        "AWS_WEB_IDENTITY_TOKEN_FILE": f"{PLACE}/token",
        "AWS_ENDPOINT_URL_STS": sts,
    }
    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        mounts = container.setdefault("volumeMounts", [])
        mounts.append({"name": "aws", "mountPath": PLACE, "readOnly": True})
        known = container.setdefault("env", [])
        known += [{"name": name, "value": value} for name, value in variables.items()]


def whose(target: Target, token: str) -> str:
    """Of which user Kubernetes says that the token is, if it is for AWS; empty for nobody's."""
    spec = {"token": token, "audiences": [AUDIENCE]}
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
    said = target.post(REVIEWS, body)["status"]
    return str(said["user"]["username"]) if said.get("authenticated") else ""


@pytest.fixture
def authority(target: Target, namespace: str) -> Iterator[str]:
    """The CA of a token service that gives the keys of the bucket to the ServiceAccount alone.

    The S3 service knows no session tokens, so there is none beside the keys.
    """
    if not target.is_local:
        pytest.skip("Pods elsewhere do not reach this machine")
    address = own_address(target)
    keys, user = issue("sts", address), f"system:serviceaccount:{namespace}:{ACCOUNT}"
    service = TokenService(lambda token: whose(target, token) == user, ACCESS_KEY, SECRET_KEY, "")
    with serve_tokens(service, keys, address) as url:
        change = partial(give_identity, url)
        with mutating_webhook.running(target, namespace, "pods", change):
            yield keys["ca.crt"]
    assert service.asked, "nobody showed a token"


def test_a_backup_by_the_token_of_its_service_account(
    target: Target, namespace: str, store: ObjectStore, authority: str
) -> None:
    cluster = Cluster(target, namespace, "db", {"size": 1, "version": "v3.6.16"})
    cluster.create()
    account = {"name": ACCOUNT, "namespace": namespace}
    target.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
    put_secret(cluster, "authorities", {"ca.crt": store.authority + authority})
    cluster.wait_running(1)
    cluster.put("key", "value")
    backup = Task(target, namespace, "EtcdBackup", "b")
    backup.create(
        clusterName="db",
        storageType="S3",
        serviceAccountName=ACCOUNT,
        s3={"bucket": BUCKET, "endpoint": store.endpoint, "caSecret": "authorities"},
    )
    status = backup.wait_completed()
    assert status["storagePath"].startswith(f"s3://{BUCKET}/{namespace}/db/")
    assert status["keyCount"] == 1
    assert backup.condition("Verified")["status"] == "True"
