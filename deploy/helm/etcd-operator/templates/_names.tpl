{{- define "etcd-operator.name" -}}
{{ .Values.fullnameOverride | default "etcd-operator" }}
{{- end }}

{{- define "etcd-operator.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (include "etcd-operator.name" .) }}
{{- end }}

{{- /* NetworkPolicies of clusters, and monitors, know the operator by it. */}}
{{- define "etcd-operator.selector" -}}
app.kubernetes.io/name: etcd-operator
{{- end }}

{{- define "etcd-operator.ownLabels" -}}
{{ include "etcd-operator.selector" . }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* Labels from a list of the root and further labels, each key once: those of the chart count. */}}
{{- define "etcd-operator.labelsWith" -}}
{{- $ours := include "etcd-operator.ownLabels" (index . 0) | fromYaml -}}
{{- merge $ours (index . 1) (index . 0).Values.commonLabels | toYaml }}
{{- end }}

{{- define "etcd-operator.labels" -}}
{{- include "etcd-operator.labelsWith" (list . dict) }}
{{- end }}

{{- /* Metadata of an object of the release's namespace, from a list of the root and the name. */}}
{{- define "etcd-operator.metadata" -}}
{{- include "etcd-operator.monitorMetadata" (list (index . 0) (index . 1) dict) }}
{{- end }}

{{- define "etcd-operator.crdMetadata" -}}
{{- $values := .root.Values.crds -}}
{{- $keep := ternary (dict "helm.sh/resource-policy" "keep") dict $values.keep -}}
labels:
  {{- include "etcd-operator.labelsWith" (list .root .labels) | nindent 2 }}
{{- with merge $keep $values.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "etcd-operator.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{- define "etcd-operator.subject" -}}
- kind: ServiceAccount
  name: {{ include "etcd-operator.serviceAccount" . | quote }}
  namespace: {{ .Release.Namespace | quote }}
{{- end }}

{{- /* The same with further labels: a list of the root, the name and the labels. */}}
{{- define "etcd-operator.monitorMetadata" -}}
name: {{ index . 1 | quote }}
namespace: {{ (index . 0).Release.Namespace | quote }}
labels:
  {{- include "etcd-operator.labelsWith" (list (index . 0) (index . 2)) | nindent 2 }}
{{- end }}

{{- /* Where the Prometheus operator looks for members. */}}
{{- define "etcd-operator.memberNamespaces" -}}
namespaceSelector:
  {{- with .Values.watchNamespaces }}
  matchNames:
    {{- toYaml . | nindent 4 }}
  {{- else }}
  any: true
  {{- end }}
{{- end }}
