"""All pictures: three drawings, and the terminal of a recorded run of the demo."""

from __future__ import annotations

from pathlib import Path

from docs.svg import Box, Picture
from docs.terminal import draw_terminal

RECORD = Path(__file__).parent / "pictures" / "demo.txt"


def draw_all() -> dict[str, str]:
    """Return every picture by file name; the terminal only if a run was recorded."""
    drawn = {
        "pass.svg": draw_pass(),
        "gate.svg": draw_gate(),
        "growth.svg": draw_growth(),
    }
    if RECORD.exists():
        drawn["demo.svg"] = draw_terminal(RECORD.read_text(), "make demo")
    return drawn


def draw_pass() -> str:
    """Draw one pass, from what is seen to what is done and said."""
    picture = Picture(
        940, 400, "One pass: gather, plan, then guard and act for each action, then report"
    )
    cached = picture.box(20, 70, 150, 60, "world", "Kubernetes", "watch caches")
    asked = picture.box(20, 190, 150, 60, "world", "etcd", "asked on each pass")
    gather = picture.box(215, 125, 110, 70, "shell", "gather", "a Snapshot")
    plan = picture.box(370, 125, 150, 70, "core", "plan", "the first rule decides")
    guard = picture.box(565, 125, 120, 70, "core", "guard", "can only say no")
    act = picture.box(730, 125, 130, 70, "shell", "act", "one handler each")
    report = picture.box(375, 300, 140, 60, "core", "report", "the status")
    tell = picture.box(620, 300, 300, 60, "shell", "tell", "status, Events, metrics, log")
    kubernetes = picture.box(800, 20, 120, 50, "world", "Kubernetes")
    etcd = picture.box(800, 225, 120, 50, "world", "etcd")
    picture.arrow(cached.right, (192, 100), (192, 150), (gather.x, 150))
    picture.arrow(asked.right, (192, 220), (192, 170), (gather.x, 170))
    picture.arrow(gather.right, plan.left)
    picture.arrow(plan.right, guard.left)
    picture.arrow(guard.right, act.left)
    picture.arrow((830, act.y), (830, kubernetes.y + kubernetes.height))
    picture.arrow((830, act.y + act.height), (830, etcd.y))
    picture.arrow((760, act.y), (760, 95), (625, 95), guard.top)
    picture.words(692, 68, "the next action, on the snapshot")
    picture.words(692, 85, "as it will be then")
    picture.arrow(plan.bottom, report.top)
    picture.words(437, 240, "reason and sentence", anchor="end")
    picture.arrow(guard.bottom, (625, 260), (480, 260), (480, report.y))
    picture.words(617, 252, "no, or an error: stop here", anchor="end")
    picture.arrow(report.right, tell.left)
    picture.words(20, 338, "blue: the world", anchor="start")
    picture.words(20, 356, "green: pure functions, core/", anchor="start")
    picture.words(20, 374, "grey: the shell, runtime/", anchor="start")
    return picture.render()


def draw_gate() -> str:
    """Draw what a member with an empty disk may do, over the life of the member."""
    picture = Picture(940, 430, "The gate: NEW, JOIN and CLOSED over the life of a member")
    first = picture.box(20, 60, 190, 60, "world", "first generation", "no earlier life")
    later = picture.box(20, 290, 190, 60, "world", "announced to etcd", "as a learner")
    new = picture.box(
        310, 50, 190, 80, "core", "NEW", "form the cluster", "with the listed members"
    )
    join = picture.box(
        310, 280, 190, 80, "core", "JOIN", "join the listed members,", "exactly those of etcd"
    )
    closed = picture.box(
        600,
        165,
        200,
        80,
        "shell",
        "CLOSED",
        "own URL only, “existing”:",
        "an empty disk cannot start",
    )
    removed = picture.box(600, 340, 200, 60, "world", "removed from etcd", "file and disk go")
    wiped = picture.box(600, 30, 200, 60, "warn", "disk wiped", "etcd exits, serves nobody")
    picture.arrow(first.right, new.left)
    picture.arrow(later.right, join.left)
    picture.arrow(new.right, (550, 90), (550, 190), (closed.x, 190))
    picture.words(508, 150, "a quorum answered:", anchor="end")
    picture.words(508, 167, "the cluster ID is recorded", anchor="end")
    picture.arrow(join.right, (550, 320), (550, 222), (closed.x, 222))
    picture.words(508, 252, "it serves: client URLs are published", anchor="end")
    picture.arrow(closed.bottom, removed.top)
    picture.words(710, 300, "MemberRemove", anchor="start")
    picture.arrow(closed.top, wiped.bottom)
    picture.arrow((800, 190), (850, 190), (850, 222), (800, 222))
    picture.words(858, 197, "restart:", anchor="start")
    picture.words(858, 213, "the log on", anchor="start")
    picture.words(858, 229, "disk counts", anchor="start")
    picture.arrow(removed.left, (115, 370), later.bottom, dashed=True)
    picture.words(320, 388, "grown again: a new member on a new disk")
    return picture.render()


def draw_growth() -> str:
    """Draw how a cluster of one grows to three, where etcd takes several learners."""
    picture = Picture(940, 560, "Growth from one to three members on etcd 3.6 and later")
    lanes = {}
    for name, x in (
        ("operator", 100),
        ("Kubernetes", 300),
        ("db-0 (leader)", 490),
        ("db-1", 700),
        ("db-2", 860),
    ):
        box = picture.box(x - 70, 20, 140, 40, "core" if x == 100 else "world", name)
        picture.line(box.bottom, (x, 540), dashed=True)
        lanes[name.partition(" ")[0]] = box
    steps = (
        ("operator", "db-0", "MemberAdd db-1 as a learner"),
        ("operator", "Kubernetes", "JOIN file for db-1, 2 Pods"),
        ("Kubernetes", "db-1", "Pod starts"),
        ("db-1", "db-0", "joins, publishes client URLs"),
        ("operator", "db-0", "MemberAdd db-2 as a learner"),
        ("operator", "Kubernetes", "JOIN file for db-2, 3 Pods"),
        ("operator", "db-0", "MemberPromote db-1"),
        ("Kubernetes", "db-2", "Pod starts"),
        ("db-2", "db-0", "joins likewise"),
        ("operator", "db-0", "MemberPromote db-2"),
    )
    for number, (source, target, text) in enumerate(steps):
        _message(picture, lanes[source], lanes[target], 100 + number * 44, text)
    return picture.render()


def _message(picture: Picture, source: Box, target: Box, y: int, text: str) -> None:
    start, end = source.bottom[0], target.bottom[0]
    picture.arrow((start, y), (end, y))
    if end > start:
        picture.words(start + 8, y - 6, text, anchor="start")
    else:
        picture.words(start - 8, y - 6, text, anchor="end")
