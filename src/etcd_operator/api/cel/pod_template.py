"""The rules that the API server checks of the additions to the members' Pods."""

from __future__ import annotations

from typing import Final

from etcd_operator.api.cel.rule import build_rule
from etcd_operator.api.mount_paths import PATH_REMEDY, ROUNDABOUT_FORM
from etcd_operator.api.pod_checks import (
    ETCD_REMEDY,
    LABEL_FORM,
    LABEL_REMEDY,
    MOUNT_REMEDY,
    VARIABLE_FORM,
    VARIABLE_REMEDY,
    VOLUME_REMEDY,
)
from etcd_operator.api.pod_template import (
    ETCD_VARIABLES,
    LEAST_PATIENCE_SECONDS,
    LIVENESS_FAILURES,
    LIVENESS_PERIOD,
    OWN_CONTAINER,
    OWN_PATHS,
    OWN_PORT_NAMES,
    OWN_PORTS,
    OWN_VARIABLE,
    OWN_VOLUMES,
    VOLUME_SOURCES,
)
from etcd_operator.api.validation import ANNOTATION_REPLACE
from etcd_operator.json_types import Json

Rules = dict[str, list[Json]]

# A function for it exists only since Kubernetes 1.30; what has this form, the operator judges.
_ADDRESS: Final = "^([0-9]{1,3}([.][0-9]{1,3}){3}|[0-9a-fA-F]{0,4}:[0-9a-fA-F:.]{1,40})$"
_ADDRESS_RULES: Final = [
    build_rule(
        f"self.matches('{_ADDRESS}')", "this is not an IP address: use one such as 10.0.0.10"
    )
]
_KINDS: Final = ("initContainers", "containers")
# By which items of these lists are told apart: the API server refuses two with the same.
KEYED_LISTS: Final = {
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "hostAliases": "ip",
    **dict.fromkeys(_KINDS, "name"),
    **{f"{kind}[].env": "name" for kind in _KINDS},
    **{f"{kind}[].volumeMounts": "mountPath" for kind in _KINDS},
}


def name_keyed_lists(path: str) -> dict[str, str]:
    """Return the lists of the template at this path that are maps, each with its key."""
    return {f"{path}.{name}": key for name, key in KEYED_LISTS.items()}


def pod_template_rules(path: str) -> Rules:
    """Return the rules by the path of the field; `path` is that of the template."""
    return {
        path: [*_template_rules()],
        f"{path}.annotations": [
            build_rule(
                f"!('{ANNOTATION_REPLACE}' in self)",
                f"{ANNOTATION_REPLACE} here would replace every member again and again: remove it",
            )
        ],
        f"{path}.env[]": [
            *_variable_rules(),
            build_rule(
                f"!self.name.startsWith('{ETCD_VARIABLES}') && self.name != '{OWN_VARIABLE}'",
                f"{ETCD_VARIABLES}… and {OWN_VARIABLE} are set by the operator itself: "
                f"{ETCD_REMEDY}",
            ),
        ],
        f"{path}.volumes[]": _volume_rules(),
        f"{path}.volumeMounts[]": [*_mount_rules(), _shadow_rule()],
        f"{path}.livenessProbe": [_patience_rule()],
        f"{path}.hostAliases[].ip": _ADDRESS_RULES,
        f"{path}.dnsConfig.nameservers[]": _ADDRESS_RULES,
        **_container_rules(path),
    }


def _volume_rules() -> list[Json]:
    return [
        _label_rule("the name of a volume"),
        build_rule(
            f"!(self.name in {list(OWN_VOLUMES)})",
            f"{', '.join(OWN_VOLUMES)} are the operator's own volumes: use another name",
        ),
        build_rule(
            f"[{', '.join(f'has(self.{source})' for source in VOLUME_SOURCES)}]"
            ".filter(given, given).size() == 1",
            f"a volume has one source: {VOLUME_REMEDY}",
        ),
    ]


def _patience_rule() -> Json:
    return build_rule(
        f"(has(self.periodSeconds) ? self.periodSeconds : {LIVENESS_PERIOD}) * "
        f"(has(self.failureThreshold) ? self.failureThreshold : {LIVENESS_FAILURES}) >= "
        f"{LEAST_PATIENCE_SECONDS}",
        "a member may not answer for a while on a slow disk: raise periodSeconds or "
        f"failureThreshold, so that it is restarted after {LEAST_PATIENCE_SECONDS} s or more",
    )


def _template_rules() -> list[Json]:
    known = "has(self.volumes) && self.volumes.exists(v, v.name == m.name)"
    rules = [
        build_rule(
            f"!has(self.volumeMounts) || self.volumeMounts.all(m, {known})",
            f"volumeMounts mount no such volume: {MOUNT_REMEDY}",
            path=".volumeMounts",
        ),
        build_rule(
            "!has(self.dnsPolicy) || self.dnsPolicy != 'None' || (has(self.dnsConfig) && "
            "has(self.dnsConfig.nameservers) && size(self.dnsConfig.nameservers) > 0)",
            "dnsPolicy None needs name servers: name them in dnsConfig.nameservers",
            path=".dnsPolicy",
        ),
        build_rule(
            "!has(self.containers) || !has(self.initContainers) || "
            "self.containers.all(c, !self.initContainers.exists(i, i.name == c.name))",
            "containers and initContainers have the same name: use another one",
            path=".containers",
        ),
    ]
    for kind in _KINDS:
        rules.append(
            build_rule(
                f"!has(self.{kind}) || self.{kind}.all(c, "
                f"!has(c.volumeMounts) || c.volumeMounts.all(m, {known}))",
                f"volumeMounts of {kind} mount no such volume: {MOUNT_REMEDY}",
                path=f".{kind}",
            )
        )
    return rules


def _container_rules(path: str) -> Rules:
    rules: Rules = {}
    for kind in _KINDS:
        rules[f"{path}.{kind}[]"] = [
            _label_rule("the name of a container"),
            build_rule(
                f"self.name != '{OWN_CONTAINER}'",
                f"{OWN_CONTAINER} is the member itself: use another name",
            ),
        ]
        rules[f"{path}.{kind}[].env[]"] = _variable_rules()
        rules[f"{path}.{kind}[].volumeMounts[]"] = _mount_rules()
        rules[f"{path}.{kind}[].ports[]"] = [
            build_rule(
                f"!(self.containerPort in {list(OWN_PORTS)}) && "
                f"(!has(self.name) || !(self.name in {list(OWN_PORT_NAMES)}))",
                f"{OWN_PORTS[0]} to {OWN_PORTS[-1]} and their names are ports of etcd: use others",
            )
        ]
    return rules


def _variable_rules() -> list[Json]:
    return [
        build_rule(
            f"self.name.matches('^{VARIABLE_FORM}$')",
            f"this is not the name of a variable: {VARIABLE_REMEDY}",
        ),
        build_rule(
            "!has(self.value) || !has(self.valueFrom)",
            "a variable cannot have value and valueFrom: remove one of them",
        ),
    ]


def _label_rule(what: str) -> Json:
    return build_rule(f"self.name.matches('^{LABEL_FORM}$')", f"this is not {what}: {LABEL_REMEDY}")


def _mount_rules() -> list[Json]:
    return [
        build_rule(
            "self.mountPath.startsWith('/') && !self.mountPath.contains(':') && "
            f"!self.mountPath.matches('{ROUNDABOUT_FORM}')",
            f"mountPath is not possible: {PATH_REMEDY}",
        )
    ]


def _shadow_rule() -> Json:
    """Neither at a path of ours or below it, nor above one."""
    below = [f"(self.mountPath + '/').startsWith('{own}/')" for own in OWN_PATHS]
    parents = {"/"}
    for own in OWN_PATHS:
        parts = own.split("/")[1:]
        parents |= {"/" + "/".join(parts[:end]) for end in range(1, len(parts))}
    above = f"self.mountPath in {sorted(parents | {f'{p}/' for p in parents if p != '/'})}"
    return build_rule(
        f"!({' || '.join(below)} || {above})",
        f"{', '.join(OWN_PATHS)} are paths of the member itself: use another mountPath",
    )
