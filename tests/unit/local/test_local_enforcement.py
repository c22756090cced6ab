from local.enforcement import undo

PROXY = """\
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [9:540]
:KUBE-SERVICES - [0:0]
-A FORWARD -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A KUBE-SERVICES -d 10.97.0.9/32 -m comment --comment "ns/KUBE-ROUTER-x has no endpoints" -j REJECT
COMMIT
"""
BOTH = """\
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [9:540]
:KUBE-NWPLCY-DEFAULT - [0:0]
:KUBE-POD-FW-2AB - [0:0]
:KUBE-ROUTER-FORWARD - [9:540]
:KUBE-ROUTER-INPUT - [0:0]
:KUBE-SERVICES - [0:0]
-A INPUT -m comment --comment "kube-router netpol - A" -j KUBE-ROUTER-INPUT
-A FORWARD -m comment --comment "kube-router netpol - B" -j KUBE-ROUTER-FORWARD
-A FORWARD -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A KUBE-NWPLCY-DEFAULT -j MARK --set-xmark 0x10000/0x10000
-A KUBE-POD-FW-2AB -d 10.245.1.2/32 -j KUBE-NWPLCY-DEFAULT
-A KUBE-ROUTER-FORWARD -d 10.245.1.2/32 -m comment --comment "to chain X" -j KUBE-POD-FW-2AB
-A KUBE-SERVICES -d 10.97.0.9/32 -m comment --comment "ns/KUBE-ROUTER-x has no endpoints" -j REJECT
COMMIT
"""


def test_only_what_kube_router_made_is_taken_back() -> None:
    assert undo(BOTH).splitlines() == [
        "*filter",
        ":KUBE-NWPLCY-DEFAULT - [0:0]",
        ":KUBE-POD-FW-2AB - [0:0]",
        ":KUBE-ROUTER-FORWARD - [0:0]",
        ":KUBE-ROUTER-INPUT - [0:0]",
        '-D INPUT -m comment --comment "kube-router netpol - A" -j KUBE-ROUTER-INPUT',
        '-D FORWARD -m comment --comment "kube-router netpol - B" -j KUBE-ROUTER-FORWARD',
        "-X KUBE-NWPLCY-DEFAULT",
        "-X KUBE-POD-FW-2AB",
        "-X KUBE-ROUTER-FORWARD",
        "-X KUBE-ROUTER-INPUT",
        "COMMIT",
    ]


def test_there_may_be_nothing_to_take_back() -> None:
    assert undo(PROXY) == ""
    assert undo("") == ""
