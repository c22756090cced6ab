from ipaddress import IPv4Network
from pathlib import Path

from local.network import parse_routes
from local.places import DEFAULT_STATE, LABEL, Places, read_places

ROUTES = """\
default via 192.0.2.1 dev eth0
blackhole 10.9.0.0/16
10.8.0.0/24 via 192.0.2.7 dev eth0
192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.2
198.51.100.7 dev tun0 scope link
"""


def test_destinations_are_read_but_for_the_default() -> None:
    expected = ["10.9.0.0/16", "10.8.0.0/24", "192.0.2.0/24", "198.51.100.7/32"]
    assert parse_routes(ROUTES) == [IPv4Network(text) for text in expected]


def test_clusters_of_different_states_have_different_labels() -> None:
    usual = read_places({})
    others = [Places(Path("/a"), usual.cache), Places(Path("/b"), usual.cache)]
    assert usual.state == DEFAULT_STATE
    assert usual.label == LABEL
    labels = {places.label for places in [usual, *others]}
    assert len(labels) == 3
    # The kernel allows a link's name 15 characters.
    assert all(len(label) <= 15 for label in labels)
