"""The page about monitoring: how to set it up, and the table of the alerts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from deploy.alerts import ALERTS
from docs.alert_sources import write_sources
from docs.metrics import SERIES_OF_THREE

INTRODUCTION: Final = """\
# Monitoring

[deploy/monitoring](../deploy/monitoring) has all that Prometheus needs: what to scrape, and
{alerts} alerts. Each alert has a runbook, and a test in which it fires and one in which it is close
to that and does not.

## With the Prometheus operator

```sh
kubectl apply -f deploy/monitoring/pod-monitors.yaml -f deploy/monitoring/prometheus-rule.yaml
```

Your Prometheus has to select them: by the label `app.kubernetes.io/name: etcd-operator`, in the
namespace `etcd-operator-system`. The PodMonitor of the members finds the Pods of the clusters in
all namespaces; Prometheus needs the right to list Pods there.

Where only ServiceMonitors are wanted, take `service-monitors.yaml` instead of `pod-monitors.yaml`:
it adds a Service for the operator, and finds members by the port `metrics` of the Service
`CLUSTER-peer`. Take one of the two: with both, every series is there twice.

The Prometheus operator itself, v0.85.0, read these files from a real API server with its CRDs: it
refused none, and made the four scrape jobs and 51 alerts of them.

## Without it

Add the entries of `deploy/monitoring/scrape-configs.yaml` to `scrape_configs`, and
`deploy/monitoring/rules.yaml` to `rule_files`. The Pods of the operator have the annotations
`prometheus.io/scrape` and `prometheus.io/port`; for members set them in
`spec.podTemplate.annotations`. With annotations alone, alerts from etcd's own metrics lack the
label `cluster`: the shipped configuration is the better way.

## Metrics of members with TLS

`spec.security.tls.metricsTLSEnabled: true` has members serve metrics with mutual TLS, at port 2382,
named `metrics-tls`, with the certificates for clients. A change of it rolls the members. Monitors
look for ports by name, and the plain one is then called `health`: those above leave such a cluster
out, and it needs one of its own, because each cluster has a CA of its own.
`deploy/monitoring/pod-monitor-tls.yaml` and `scrape-config-tls.yaml` are examples, for the
EtcdCluster `db` in `default`; they use the Secret `db-client-tls`. With `spec.security.auth`, list
a user without roles for Prometheus and use its Secret, for instance `db-user-prometheus`: that
certificate reads metrics and no keys.

Port 2381 goes on speaking plain HTTP, for the kubelet's probes: at a port with TLS etcd would ask
them for a client certificate, and the kubelet has none. It shows no keys. To close it to everybody
but the kubelet and the operator, set `spec.security.networkPolicy` as well.

## Who may scrape

With [spec.security.networkPolicy](how-to/network-policy.md) the ports for metrics are open to
everybody, unless `metricsFrom` says to whom:

```yaml
spec:
  security:
    networkPolicy:
      metricsFrom:
        - namespaceSelector:
            matchLabels: {{kubernetes.io/metadata.name: monitoring}}
          podSelector:
            matchLabels: {{app.kubernetes.io/name: prometheus}}
```

Metrics of the operator are at port 8081 of its Pods. Nothing restricts that port, unless the chart
is installed with `networkPolicy.enabled: true`: then `networkPolicy.metricsFrom` says to whom it is
open.

## kube-state-metrics

`deploy/monitoring/kube-state-metrics.yaml` is a configuration for
`--custom-resource-state-config-file`. With it, kube-state-metrics shows what the status of each
EtcdCluster, EtcdBackup and EtcdRestore says: `etcdcluster_status_phase`,
`etcdcluster_status_condition`, `etcdbackup_status_last_completion_time` and more. It needs `list`
and `watch` for these kinds. No alert depends on it; it tells what the objects say while the
operator is down. kube-state-metrics itself, at its commit c92fe0c5ce02, read this configuration and
showed every metric of it about a real EtcdCluster, EtcdBackup and EtcdRestore. An object that is
seconds old and has no status yet is an error in its log.

## Dashboards

Import `deploy/monitoring/dashboards/fleet.json` and `cluster.json` into Grafana. The first is about
all clusters: health, versions and changes, backups and certificates, capacity, and the operator
itself. The second is about one of them, which you choose: leader, latency, traffic, database,
members, and what the operator is doing, which is marked in every panel. They need series of the
operator, of the members and, for the room on disks, of the kubelets.

These pictures are drawn from what a Prometheus answered to the queries of every panel, while an
EtcdCluster whose metrics have TLS was created, backed up, restored as another one, used and
defragmented, on a busy machine with two cores. Each query is answered there with values that its
unit can have; only alerts that fire, vetoes and conditions of trouble are absent in good health.

![All clusters](results/etcd-operator-fleet.svg)

![One cluster](results/etcd-operator-cluster.svg)

## The log

The operator writes one JSON object per line. [log-schema.json](reference/log-schema.json) is the
schema of them all, and every line that the tests see is checked with it. Each decision that differs
from the one before is one line with `event: decision`: cluster, pass, rule, reason, phase, message,
the number of actions that took effect, and the seconds since the pass began. Decisions about
backups and restores have no rule and no number of actions. Each action is another line with the
sentence of its Event. All lines of one pass have the same `pass`. What a library warns of, and a
crash, are such lines as well; `logger` says whose they are.

`LOG_LEVEL` is the level of the process. To see more of one cluster, say for a support case:

```sh
kubectl annotate etcdcluster db etcd.etcd.io/log-level=debug
kubectl -n etcd-operator-system logs deployment/etcd-operator --tail=-1 | grep default/db
```

At `debug` each pass is a line, with the members that did not answer. The annotation can only ask
for more lines than `LOG_LEVEL`, and other values than debug, info, warning and error are ignored:
whoever may write an EtcdCluster hides nothing from those who run the operator.

## What to know

* The operator's series name the cluster that they are about by `namespace` and `cluster`. Scrape it
with `honor_labels: true`, as the shipped files do: else Prometheus replaces `namespace` by that of
the operator.
* A cluster of three members with TLS and backups has about {cardinality} series of the operator,
and about 1,600 of etcd's own for each member, most of them buckets of histograms. A scrape of the
operator with 500 clusters takes about 20 ms of CPU: [metrics](reference/metrics.md).
* Both replicas are scraped. The rules take the maximum over them, so nothing counts twice.
* A cluster that is deleted takes its series with it. One that is stopped has no members that could
be down, and its condition `QuorumHealthy` is `Unknown`: neither fires an alert.
* Annotations `runbook_url` are paths in this repository: have Alertmanager's templates put the
address of your copy in front.
* The thresholds for etcd's own metrics are those of [etcd's mixin](#alerts-of-other-projects). [The
metrics of the operator](reference/metrics.md) are listed apart.

## Alerts

| Alert | Severity | For | What it says |
|---|---|---|---|
"""


RECORD: Final = Path(__file__).parent / "results" / "alerts.json"
SEEN: Final = """
## Seen on a real cluster

`make monitoring` causes faults on a real EtcdCluster, with a Prometheus that has the shipped
scrape configuration and the same rules at a faster pace: what waits 15 minutes waits seven seconds,
and what waits hours half a minute. A notification about each alert is delivered, the commands of
its runbook are carried out, and the alert clears. Times are from the fault, and from the first act
of the remedy; the machine had two cores and did other work as well. Each row has the commit that
was tested; `+` stands for changes to it that were tested along.

Two hours of rest with eight rolls and eight scalings 3, 5, 3 fired nothing but what was so: one
node held all members, and its disk was nearly full (2026-11-29, 2d4203e, with the rules as
shipped).

| Alert | Fault | Waits | Fired after | Cleared after | Seen |
|---|---|---|---|---|---|
"""
NOT_SEEN: Final = """
Not seen there so far; these have their cases for promtool alone:

"""
OTHERS: Final = """
## Alerts of other projects

Which alert here says what others alert on, from their own files.
"""


def write_monitoring() -> str:
    """Return the page; without a recorded run it has no table of one."""
    rows = [
        f"| [{alert.name}](runbooks/{alert.name}.md) | {alert.severity} | {alert.wait} "
        f"| {alert.summary} |\n"
        for alert in ALERTS
    ]
    table = INTRODUCTION.format(alerts=len(ALERTS), cardinality=SERIES_OF_THREE) + "".join(rows)
    return table + _write_seen() + OTHERS + write_sources()


def _write_seen() -> str:
    if not RECORD.exists():
        return ""
    seen = json.loads(RECORD.read_text())
    rows = [
        f"| [{row['alert']}](runbooks/{row['alert']}.md) | {row['fault']} | {row['wait']} s "
        f"| {row['fired']} s | {row['cleared']} s | {row['date']}, {row['commit']} |\n"
        for row in seen
    ]
    missing = [alert.name for alert in ALERTS if alert.name not in {row["alert"] for row in seen}]
    left = [f"* {name}\n" for name in missing]
    return SEEN + "".join(rows) + (NOT_SEEN + "".join(left) if left else "")
