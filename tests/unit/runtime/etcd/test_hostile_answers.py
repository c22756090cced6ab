"""Answers that no etcd gives: an image is of the user's choice, and may say anything."""

from __future__ import annotations

import grpc
import pytest

from etcd_operator.core.model.members import Member
from etcd_operator.core.model.ownership import show_urls
from etcd_operator.core.model.parse import observe_pod
from etcd_operator.errors import EtcdUnreachable
from etcd_operator.runtime.etcd.answers import read_member_list
from etcd_operator.runtime.etcd.errors import translate_error
from etcd_operator.runtime.etcd.rpc import etcd_pb2 as etcd_pb2


def test_two_members_of_one_id_are_no_answer() -> None:
    """Votes are counted by ID."""
    answer = etcd_pb2.MemberListResponse(members=[etcd_pb2.Member(ID=1), etcd_pb2.Member(ID=1)])
    with pytest.raises(EtcdUnreachable, match="two members of one ID"):
        read_member_list(answer, linearizable=True)


def test_what_a_stranger_says_is_shown_in_one_line_without_controls() -> None:
    said = "no\x1b[31m\x1b]0;owned\x07 \u202e`kubectl delete`\nnext"
    error = translate_error(grpc.StatusCode.UNKNOWN, said, "10.0.0.1:2379")
    assert str(error) == "10.0.0.1:2379: no [31m ]0;owned   `kubectl delete` next"
    assert show_urls(Member(1, "", (f"http://{said}",))).isprintable()
    ended = {"terminated": {"exitCode": 1, "message": said.partition("\n")[0]}}
    status = {"containerStatuses": [{"name": "etcd", "state": ended}]}
    pod = observe_pod({"metadata": {"name": "db-0", "uid": "1"}, "status": status})
    assert pod.termination_message.startswith("no [31m")
    assert pod.termination_message.isprintable()
