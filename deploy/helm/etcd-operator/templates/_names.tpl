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

{{- define "etcd-operator.labels" -}}
{{- with .Values.commonLabels }}
{{- toYaml . }}
{{ end -}}
{{ include "etcd-operator.selector" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* Metadata of an object of the release's namespace, from a list of the root and the name. */}}
{{- define "etcd-operator.metadata" -}}
{{- $root := index . 0 -}}
name: {{ index . 1 }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- include "etcd-operator.labels" $root | nindent 2 }}
{{- end }}

{{- define "etcd-operator.crdMetadata" -}}
{{- $values := .root.Values.crds -}}
{{- $keep := ternary (dict "helm.sh/resource-policy" "keep") dict $values.keep -}}
labels:
  {{- include "etcd-operator.labels" .root | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
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
  name: {{ include "etcd-operator.serviceAccount" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{- /* The same with further labels: a list of the root, the name and the labels. */}}
{{- define "etcd-operator.monitorMetadata" -}}
{{- include "etcd-operator.metadata" (list (index . 0) (index . 1)) }}
{{- with index . 2 }}
{{- toYaml . | nindent 2 }}
{{- end }}
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
