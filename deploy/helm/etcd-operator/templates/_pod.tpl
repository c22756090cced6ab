{{- define "etcd-operator.environment" -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- with .Values.watchNamespaces }}
- name: WATCH_NAMESPACES
  value: {{ join "," . | quote }}
{{- end }}
{{- with .Values.settings }}
{{- if ne .logLevel "info" }}
- name: LOG_LEVEL
  value: {{ .logLevel }}
{{- end }}
{{- with .clusterDomain }}
- name: CLUSTER_DOMAIN
  value: {{ . | quote }}
{{- end }}
{{- if ne (int .workers) 64 }}
- name: WORKERS
  value: {{ int .workers | quote }}
{{- end }}
{{- if ne (int .shards) 1 }}
- name: SHARDS
  value: {{ int .shards | quote }}
{{- end }}
{{- if ne (int .upgradeRolls) 2 }}
- name: UPGRADE_ROLLS
  value: {{ int .upgradeRolls | quote }}
{{- end }}
{{- if not .assignUserIds }}
- name: ASSIGN_USER_IDS
  value: "false"
{{- end }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "etcd-operator.scheduling" -}}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "etcd-operator.podAnnotations" -}}
{{- $ours := dict "prometheus.io/scrape" "true" "prometheus.io/port" "8081" -}}
{{- $ours = ternary $ours dict .Values.monitoring.annotations -}}
{{- with merge (deepCopy .Values.podAnnotations) $ours }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
