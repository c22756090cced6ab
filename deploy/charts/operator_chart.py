"""Generated files of the chart `etcd-operator`: all but its few templates.

The templates are written by hand. A test renders them with Helm and compares the result with
`deploy/install.yaml`, object by object.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from deploy.charts.metadata import describe_chart
from deploy.charts.operator_values import OperatorValues
from deploy.charts.values_file import render_schema, render_values
from deploy.dashboards import FLEET, ONE_CLUSTER
from deploy.dashboards.grafana import write
from deploy.manifests import (
    BINDING_RULES,
    CLUSTER_WIDE,
    LEASE_RULES,
    OWN_POD_RULES,
    RULES,
    build_installation,
)
from deploy.monitoring_files import build_pod_monitors, build_rules, build_service_monitors
from etcd_operator.api.crd import DEFINITIONS, build_crd
from etcd_operator.json_types import Json

Dump = Callable[[Any], str]

CHART: Final = "etcd-operator"
_OPEN: Final = "{{"
# Between braces of Helm, a string that is two braces.
_ESCAPED: Final = '{{ "{{" }}'
_CONTAINER_PARTS: Final = ("ports", "startupProbe", "livenessProbe", "readinessProbe")


def build_operator_chart(dump: Dump) -> dict[Path, str]:
    """Return the text of each generated file by its path in the chart; `dump` writes YAML."""
    templates = Path("templates")
    return {
        Path("Chart.yaml"): dump(describe_chart(CHART)),
        Path("values.yaml"): render_values(OperatorValues),
        Path("values.schema.json"): render_schema(OperatorValues, f"Values of {CHART}"),
        Path("files/alerts.yaml"): dump(build_rules()),
        Path("files/dashboards/fleet.json"): write(FLEET),
        Path("files/dashboards/cluster.json"): write(ONE_CLUSTER),
        templates / "_generated.tpl": _define_parts(dump),
        **{
            templates / "crds" / f"{kind.plural}.yaml": _template_crd(build_crd(kind), dump)
            for kind in DEFINITIONS
        },
    }


def _define_parts(dump: Dump) -> str:
    """What the templates share with install.yaml."""
    wide = [rule for rule in RULES if rule["resources"][0] in CLUSTER_WIDE]
    pods, services = build_pod_monitors()[1]["spec"], build_service_monitors()[2]["spec"]
    parts = {
        "rules": RULES,
        "namespacedRules": [rule for rule in RULES if rule not in wide],
        "clusterRules": wide,
        "leaseRules": LEASE_RULES,
        "ownPodRules": OWN_POD_RULES,
        "bindingRules": BINDING_RULES,
        "container": {name: _find_container()[name] for name in _CONTAINER_PARTS},
        "memberSelector": pods["selector"],
        "memberEndpoint": _without_interval(pods["podMetricsEndpoints"]),
        "memberServiceSelector": services["selector"],
        "memberServiceEndpoint": _without_interval(services["endpoints"]),
    }
    return "\n".join(
        f'{{{{- define "etcd-operator.{name}" -}}}}\n{dump(part)}{{{{- end }}}}\n'
        for name, part in parts.items()
    )


def _find_container() -> Json:
    (deployment,) = (each for each in build_installation() if each["kind"] == "Deployment")
    container: Json = deployment["spec"]["template"]["spec"]["containers"][0]
    return container


def _without_interval(endpoints: list[Json]) -> Json:
    """How members are scraped, but for the interval, which is a value."""
    (endpoint,) = endpoints
    return {key: value for key, value in endpoint.items() if key != "interval"}


def _template_crd(crd: Json, dump: Dump) -> str:
    """A CRD with the labels and annotations of the release; its text is no template."""
    head, metadata = {key: crd[key] for key in ("apiVersion", "kind")}, crd["metadata"]
    rest = {key: value for key, value in crd.items() if key not in (*head, "metadata")}
    labels = " ".join(f'"{key}" "{text}"' for key, text in metadata.get("labels", {}).items())
    described = f'(dict "root" . "labels" (dict{labels and " "}{labels}))'
    return (
        "{{- if .Values.crds.install }}\n"
        f"{dump(head)}"
        "metadata:\n"
        f"  name: {metadata['name']}\n"
        f'{{{{- include "etcd-operator.crdMetadata" {described} | nindent 2 }}}}\n'
        f"{dump(rest).replace(_OPEN, _ESCAPED)}"
        "{{- end }}\n"
    )
