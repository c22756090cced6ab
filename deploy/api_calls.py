"""Commands of kubectl that this process carries out by itself: what tests do again and again.

They are `get`, of what is printed as JSON, `get --raw`, `delete`, `patch`, `scale`, `annotate`,
`label` and `apply`. Whatever has a flag that is not known here is left to kubectl.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final, NamedTuple

from deploy.api_server import ApiError, ApiServer, Kind
from etcd_operator.json_types import Json
from etcd_operator.simulation.merge_patch import LAST_APPLIED, find_applied

POLL: Final = 0.2
STRICT: Final = {"fieldManager": "kubectl-client-side-apply", "fieldValidation": "Strict"}
_SELECTORS: Final = {"--selector": "labelSelector", "--field-selector": "fieldSelector"}
_PATCH_FLAGS: Final = frozenset(("--patch", "--subresource", "--type"))
_DELETE_FLAGS: Final = frozenset(
    (
        *("--all", "--cascade", "--force", "--grace-period", "--ignore-not-found", "--timeout"),
        *("--wait", *_SELECTORS),
    )
)
_PATCHES: Final = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}
# Where what a command adds lies in the metadata of objects.
_MARKS: Final = {"annotate": "annotations", "label": "labels"}
_CASCADES: Final = {"background": "Background", "foreground": "Foreground", "orphan": "Orphan"}


class Command(NamedTuple):
    """A command of kubectl: its verb, what follows it, its flags, and the namespace."""

    verb: str
    words: tuple[str, ...]
    flags: dict[str, str]
    namespace: str


class Objects(NamedTuple):
    """Objects of one kind in a namespace, each by its name; without names it is all of them."""

    kind: Kind
    namespace: str
    names: tuple[str, ...]

    def path(self, name: str = "") -> str:
        """Return the path of one of them, or of the list."""
        return self.kind.path(self.namespace, name)


def parse(words: Sequence[str]) -> Command:
    """Return the command that these words are."""
    plain = [word for word in words if not word.startswith("-")]
    flags = dict(word.partition("=")[::2] for word in words if word.startswith("-"))
    return Command("".join(plain[:1]), tuple(plain[1:]), flags, flags.pop("--namespace", ""))


def read(server: ApiServer, command: Command) -> Json | None:
    """Return what `kubectl get` prints as JSON; None if kubectl has to be asked.

    Raises ApiError.
    """
    if command.verb != "get" or not set(command.flags) <= set(_SELECTORS):
        return None
    found = _find_objects(server, command)
    if found is None or len(found.names) > 1:
        return None
    parameters = {_SELECTORS[flag]: value for flag, value in command.flags.items()}
    answer: Json = server.ask("GET", found.path(*found.names), parameters=parameters).json()
    items = answer.get("items", [answer])
    for item in items:
        item.update(apiVersion=answer["apiVersion"], kind=answer["kind"].removesuffix("List"))
        item["metadata"].pop("managedFields", None)  # kubectl shows them where it is asked to
    return answer


def run(server: ApiServer, command: Command, seconds: float) -> str | None:
    """Carry the command out and return what it says; None if kubectl has to.

    What `delete` waits for has `seconds`. Raises ApiError.
    """
    if command.verb == "get" and "--raw" in command.flags and len(command.words) <= 1:
        path = command.flags["--raw"] or command.words[0]
        return str(server.ask("GET", path, accept="*/*").text)
    verb = _VERBS.get(command.verb)
    if verb is None or not set(command.flags) <= verb.flags:
        return None
    return verb.carry_out(server, command, seconds)


def post(server: ApiServer, path: str, body: Json) -> Json:
    """Return what a path of the API server answers; raises ApiError."""
    answer: Json = server.ask("POST", path, body=body).json()
    return answer


def apply(
    server: ApiServer, manifest: Json, namespace: str | None, *, dry_run: bool = False
) -> bool:
    """Apply a manifest as `kubectl apply` does; False if kubectl has to.

    What the last manifest had and this one has not is taken away. A dry run has no effect, as with
    `--dry-run=server`. Raises ApiError.
    """
    group = manifest["apiVersion"]
    kind = server.find_kind(manifest["kind"], f"apis/{group}" if "/" in group else f"api/{group}")
    if kind is None:
        return False
    metadata = manifest["metadata"]
    place = namespace or metadata.get("namespace") or "default"
    annotations = {**metadata.get("annotations", {}), LAST_APPLIED: json.dumps(manifest)}
    wanted = {**manifest, "metadata": {**metadata, "annotations": annotations}}
    path = kind.path(place, metadata["name"])
    parameters = STRICT | ({"dryRun": "All"} if dry_run else {})
    try:
        live: Json = server.ask("GET", path).json()
    except ApiError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        server.ask("POST", kind.path(place), body=wanted, parameters=parameters)
        return True
    text = live["metadata"].get("annotations", {}).get(LAST_APPLIED, "{}")
    patch = find_applied(json.loads(text), wanted)
    server.ask("PATCH", path, body=patch, content=_PATCHES["merge"], parameters=parameters)
    return True


def _find_objects(server: ApiServer, command: Command) -> Objects | None:
    """The objects that a command names as `kind name`, `kind/name` or `kind`."""
    if not command.words or "," in command.words[0]:
        return None
    name, slash, first = command.words[0].partition("/")
    names = (*((first,) if slash else ()), *command.words[1:])
    kind = server.find_kind(name)
    if kind is None or any("/" in each for each in names):
        return None
    if kind.namespaced and not command.namespace:
        return None
    return Objects(kind, command.namespace, names)


def _patch(server: ApiServer, command: Command, _: float) -> str | None:
    flags, found = command.flags, _find_objects(server, command)
    content = _PATCHES.get(flags.get("--type", "strategic"))
    if found is None or content is None or len(found.names) != 1 or "--patch" not in flags:
        return None
    path = found.path(found.names[0])
    if "--subresource" in flags:
        path = f"{path}/{flags['--subresource']}"
    parameters = {"fieldManager": "kubectl-patch", "fieldValidation": "Strict"}
    body = json.loads(flags["--patch"])
    server.ask("PATCH", path, body=body, content=content, parameters=parameters)
    return f"{found.kind.plural}/{found.names[0]} patched\n"


def _scale(server: ApiServer, command: Command, _: float) -> str | None:
    """Change the size by the subresource for it, whatever kind it is."""
    found = _find_objects(server, command)
    if found is None or len(found.names) != 1 or "--replicas" not in command.flags:
        return None
    body: Json = {"spec": {"replicas": int(command.flags["--replicas"])}}
    path, parameters = f"{found.path(found.names[0])}/scale", {"fieldManager": "kubectl"}
    server.ask("PATCH", path, body=body, content=_PATCHES["merge"], parameters=parameters)
    return f"{found.kind.plural}/{found.names[0]} scaled\n"


def _mark(server: ApiServer, command: Command, _: float) -> str | None:
    """Set annotations or labels, `key=value`, or remove them, `key-`.

    What has another value already is left to kubectl, which refuses that without `--overwrite`.
    """
    wanted = [word for word in command.words if "=" in word or word.endswith("-")]
    plain = tuple(word for word in command.words if word not in wanted)
    found = _find_objects(server, command._replace(words=plain))
    if found is None or bool(found.names) == ("--all" in command.flags):
        return None
    changes = dict(_read_mark(word) for word in wanted)
    field = _MARKS[command.verb]
    names = []
    for live in _read_all(server, found):
        marks = live["metadata"].get(field) or {}
        differ = [
            key
            for key, value in changes.items()
            if value is not None and marks.get(key, value) != value
        ]
        if differ and "--overwrite" not in command.flags:
            return None
        names.append(live["metadata"]["name"])
    parameters = {"fieldManager": f"kubectl-{command.verb}", "fieldValidation": "Strict"}
    body: Json = {"metadata": {field: changes}}
    for name in names:
        path = found.path(name)
        server.ask("PATCH", path, body=body, content=_PATCHES["merge"], parameters=parameters)
    return "".join(f"{found.kind.plural}/{name} changed\n" for name in names)


def _read_mark(word: str) -> tuple[str, str | None]:
    """The key and the value of an annotation or label; a merge patch removes what is null."""
    key, equals, value = word.partition("=")
    return (key, value) if equals else (word.removesuffix("-"), None)


def _read_all(server: ApiServer, found: Objects) -> list[Json]:
    """The objects as they are."""
    if found.names:
        return [server.ask("GET", found.path(name)).json() for name in found.names]
    listed: Json = server.ask("GET", found.path()).json()
    return list(listed["items"])


def _delete(server: ApiServer, command: Command, seconds: float) -> str | None:
    """Delete objects, and wait until they have gone, unless that is not wanted."""
    flags, found = command.flags, _find_objects(server, command)
    if found is None:
        return None
    selectors = {_SELECTORS[flag]: flags[flag] for flag in _SELECTORS if flag in flags}
    names = found.names
    if "--all" in flags or selectors:
        if names:
            return None
        listed: Json = server.ask("GET", found.path(), parameters=selectors).json()
        names = tuple(item["metadata"]["name"] for item in listed["items"])
    elif not names:
        return None
    lenient = flags.get("--ignore-not-found", "false") != "false" or not found.names
    options = _read_options(flags)
    begun = [(name, _begin(server, found.path(name), options, lenient)) for name in names]
    if flags.get("--wait", "true") != "false":
        limit = float(flags.get("--timeout", "0").removesuffix("s")) or seconds
        _wait_until_gone(server, [(found.path(name), uid) for name, uid in begun], limit)
    return "".join(f'{found.kind.plural} "{name}" deleted\n' for name, _ in begun)


def _read_options(flags: dict[str, str]) -> Json:
    """The options of a deletion, as kubectl makes them of its flags."""
    options: Json = {"propagationPolicy": _CASCADES[flags.get("--cascade", "background")]}
    if "--grace-period" in flags or "--force" in flags:
        grace = int(flags.get("--grace-period", "0"))
        # Without --force it is one second: only with it a Pod may go unseen by its kubelet.
        options["gracePeriodSeconds"] = grace if "--force" in flags else max(grace, 1)
    return options


def _begin(server: ApiServer, path: str, options: Json, lenient: bool) -> str:
    """Begin to delete an object; returns its uid, or nothing if it is not there."""
    try:
        answer: Json = server.ask("DELETE", path, body=options).json()
    except ApiError as error:
        if lenient and error.status == HTTPStatus.NOT_FOUND:
            return ""
        raise
    if answer["kind"] == "Status":
        return str(answer["details"]["uid"])
    return str(answer["metadata"]["uid"])


def _wait_until_gone(server: ApiServer, begun: list[tuple[str, str]], seconds: float) -> None:
    """Wait for the end of objects, each by its path and its uid."""
    limit = time.monotonic() + seconds
    for path, uid in begun:
        while uid and server.exists(path, uid):
            if time.monotonic() > limit:
                raise ApiError(f"timed out waiting for the end of {path}")
            time.sleep(POLL)


class _Verb(NamedTuple):
    """The flags of a command that are known here, and who carries it out."""

    flags: frozenset[str]
    carry_out: Callable[[ApiServer, Command, float], str | None]


_MARK_FLAGS: Final = frozenset(("--all", "--overwrite"))
_VERBS: Final = {
    "annotate": _Verb(_MARK_FLAGS, _mark),
    "delete": _Verb(_DELETE_FLAGS, _delete),
    "label": _Verb(_MARK_FLAGS, _mark),
    "patch": _Verb(_PATCH_FLAGS, _patch),
    "scale": _Verb(frozenset(("--replicas",)), _scale),
}
