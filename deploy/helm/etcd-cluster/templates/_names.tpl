{{- define "etcd-cluster.name" -}}
{{ .Values.fullnameOverride | default .Release.Name }}
{{- end }}

{{- define "etcd-cluster.labels" -}}
app.kubernetes.io/name: etcd
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* Ends with a sentence for a value that has no meaning here, or does not fit another. */}}
{{- define "etcd-cluster.check" -}}
{{- range $path, $remedy := .Files.Get "files/refused.yaml" | fromYaml }}
{{- $value := $.Values }}
{{- range splitList "." $path }}
{{- $value = get ($value | default dict) . }}
{{- end }}
{{- if $value }}
{{- fail (printf "the value %s of Bitnami's chart has no meaning here: %s" $path $remedy) }}
{{- end }}
{{- end }}
{{- with .Values.image.tag }}
{{- if not (regexMatch "^v?3[.][0-9]+[.][0-9]+$" .) }}
{{- fail (printf "image.tag %s is not a version of etcd: use one such as v3.6.16" .) }}
{{- end }}
{{- end }}
{{- if and .Values.auth.metrics.secureTransport (not .Values.auth.client.secureTransport) }}
{{- fail "auth.metrics.secureTransport uses the certificates for clients: set auth.client.secureTransport" }}
{{- end }}
{{- if and .Values.persistence.wal.enabled (not .Values.persistence.enabled) }}
{{- fail "persistence.wal is a disk, and persistence.enabled is false: set it to true" }}
{{- end }}
{{- if and .Values.disasterRecovery.enabled (not .Values.disasterRecovery.storage.storageType) }}
{{- fail "disasterRecovery.storage is empty: set storageType and the store, as in an EtcdBackup" }}
{{- end }}
{{- end }}
