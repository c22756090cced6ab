"""Answers that no etcd gives: an image is of the user's choice, and may say anything."""

from __future__ import annotations

import pytest

from etcd_operator.errors import EtcdUnreachable
from etcd_operator.runtime.etcd.answers import read_member_list
from etcd_operator.runtime.etcd.rpc import etcd_pb2 as etcd_pb2


def test_two_members_of_one_id_are_no_answer() -> None:
    """Votes are counted by ID."""
    answer = etcd_pb2.MemberListResponse(members=[etcd_pb2.Member(ID=1), etcd_pb2.Member(ID=1)])
    with pytest.raises(EtcdUnreachable, match="two members of one ID"):
        read_member_list(answer, linearizable=True)
