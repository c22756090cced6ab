{{- define "etcd-cluster.storage" -}}
{{- if .Values.persistence.enabled }}
{{- include "etcd-cluster.disks" . }}
{{- else }}
ephemeral:
  {{- toYaml .Values.persistence.ephemeral | nindent 2 }}
{{- end }}
{{- end }}

{{- /* As in Bitnami's chart, a dash stands for the class without a name: volumes that are there. */}}
{{- define "etcd-cluster.storageClass" -}}
{{ ternary "" . (eq . "-") | quote }}
{{- end }}

{{- define "etcd-cluster.disks" -}}
size: {{ .Values.persistence.size | quote }}
{{- with .Values.persistence.storageClass }}
storageClassName: {{ include "etcd-cluster.storageClass" . }}
{{- end }}
{{- with .Values.persistence.volumeAttributesClass }}
volumeAttributesClassName: {{ . | quote }}
{{- end }}
{{- with .Values.persistence.wal }}
{{- if .enabled }}
wal:
  size: {{ .size | quote }}
  {{- with .storageClass }}
  storageClassName: {{ include "etcd-cluster.storageClass" . }}
  {{- end }}
  {{- with .volumeAttributesClass }}
  volumeAttributesClassName: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end }}
retentionPolicy:
  {{- pick .Values.persistentVolumeClaimRetentionPolicy "whenDeleted" "whenScaled" | toYaml | nindent 2 }}
{{- $metadata := dict }}
{{- $spec := dict }}
{{- with .Values.persistence }}
{{- range $name := list "labels" "annotations" }}
{{- with get $.Values.persistence $name }}{{ $_ := set $metadata $name . }}{{ end }}
{{- end }}
{{- range $name := list "accessModes" "selector" }}
{{- with get $.Values.persistence $name }}{{ $_ := set $spec $name . }}{{ end }}
{{- end }}
{{- end }}
{{- if or $metadata $spec }}
volumeClaimTemplate:
  {{- with $metadata }}
  metadata:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $spec }}
  spec:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "etcd-cluster.security" -}}
{{- $client := .Values.auth.client }}
{{- $peer := .Values.auth.peer }}
{{- $rbac := .Values.auth.rbac }}
{{- $policy := .Values.networkPolicy }}
{{- if or $client.secureTransport $peer.secureTransport $rbac.create $policy.enabled }}
security:
  {{- if or $client.secureTransport $peer.secureTransport }}
  tls:
    clientTLSEnabled: {{ $client.secureTransport }}
    peerTLSEnabled: {{ $peer.secureTransport }}
    {{- if .Values.auth.metrics.secureTransport }}
    metricsTLSEnabled: true
    {{- end }}
    {{- if $client.existingSecret }}
    autoTLS: false
    certificateSecret: {{ $client.existingSecret | quote }}
    {{- else }}
    autoTLS: {{ $client.useAutoTLS }}
    {{- end }}
  {{- end }}
  {{- if $rbac.create }}
  auth:
    enabled: true
    {{- pick $rbac "mode" "roles" "users" | toYaml | nindent 4 }}
    {{- with $rbac.jwt }}
    jwt:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with $rbac.rootPasswordSecret }}
    rootPasswordSecret: {{ . | quote }}
    {{- end }}
  {{- end }}
  {{- if $policy.enabled }}
  networkPolicy:
    enabled: true
    {{- if $policy.allowExternal }}
    clientFrom:
      - namespaceSelector: {}
    {{- end }}
    {{- with $policy.metricsFrom }}
    metricsFrom:
      {{- toYaml . | nindent 6 }}
    {{- end }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "etcd-cluster.service" -}}
{{- $service := .Values.service }}
{{- if ne $service.type "ClusterIP" }}
type: {{ $service.type | quote }}
{{- end }}
{{- with $service.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if ne (int $service.ports.client) 2379 }}
port: {{ $service.ports.client }}
{{- end }}
{{- with $service.nodePorts.client }}
nodePort: {{ int . }}
{{- end }}
{{- with $service.loadBalancerClass }}
loadBalancerClass: {{ . | quote }}
{{- end }}
{{- if ne $service.externalTrafficPolicy "Cluster" }}
externalTrafficPolicy: {{ $service.externalTrafficPolicy | quote }}
{{- end }}
{{- if ne $service.ipFamilyPolicy "PreferDualStack" }}
ipFamilyPolicy: {{ $service.ipFamilyPolicy | quote }}
{{- end }}
{{- with $service.ipFamilies }}
ipFamilies:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "etcd-cluster.podTemplate" -}}
{{- $names := dict "podLabels" "labels" "podAnnotations" "annotations" "podSecurityContext" "securityContext" "extraEnvVars" "env" "extraVolumes" "volumes" "extraVolumeMounts" "volumeMounts" "sidecars" "containers" }}
{{- range $name := list "podLabels" "podAnnotations" "podSecurityContext" "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "priorityClassName" "schedulerName" "runtimeClassName" "terminationGracePeriodSeconds" "hostAliases" "dnsPolicy" "dnsConfig" "extraEnvVars" "extraVolumes" "extraVolumeMounts" "initContainers" "sidecars" }}
{{- with get $.Values $name }}
{{ get $names $name | default $name }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- range $name := list "livenessProbe" "readinessProbe" }}
{{- $timings := dict }}
{{- range $key, $value := omit (get $.Values $name) "enabled" "successThreshold" }}
{{- if not (kindIs "invalid" $value) }}{{ $_ := set $timings $key $value }}{{ end }}
{{- end }}
{{- with $timings }}
{{ $name }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "etcd-cluster.inherited" -}}
{{- with .Values.commonLabels }}
labels:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "etcd-cluster.options" -}}
{{- $options := deepCopy .Values.etcdConfig }}
{{- range $name := list "autoCompactionMode" "autoCompactionRetention" "logLevel" }}
{{- with get $.Values $name }}{{ $_ := set $options $name . }}{{ end }}
{{- end }}
{{- toYaml $options }}
{{- end }}
