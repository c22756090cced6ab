{{- define "etcd-operator.rules" -}}
- apiGroups:
  - ''
  resources:
  - events
  verbs:
  - list
  - create
- apiGroups:
  - ''
  resources:
  - persistentvolumeclaims
  verbs:
  - get
  - list
  - watch
  - create
  - patch
  - delete
- apiGroups:
  - ''
  resources:
  - pods
  verbs:
  - get
  - list
  - watch
  - patch
  - delete
- apiGroups:
  - ''
  resources:
  - pods/eviction
  verbs:
  - create
- apiGroups:
  - ''
  resources:
  - secrets
  verbs:
  - get
  - create
  - patch
- apiGroups:
  - ''
  resources:
  - services
  verbs:
  - get
  - list
  - watch
  - create
  - patch
  - delete
- apiGroups:
  - ''
  resources:
  - configmaps
  verbs:
  - get
  - list
  - watch
  - create
  - patch
  - delete
- apiGroups:
  - apps
  resources:
  - statefulsets
  verbs:
  - get
  - list
  - watch
  - create
  - patch
  - delete
- apiGroups:
  - policy
  resources:
  - poddisruptionbudgets
  verbs:
  - get
  - list
  - watch
  - create
  - patch
- apiGroups:
  - cert-manager.io
  resources:
  - certificates
  verbs:
  - get
  - list
  - watch
  - create
  - patch
  - delete
- apiGroups:
  - networking.k8s.io
  resources:
  - networkpolicies
  verbs:
  - get
  - list
  - watch
  - create
  - patch
  - delete
- apiGroups:
  - etcd.etcd.io
  resources:
  - etcdclusters
  verbs:
  - list
  - watch
  - create
  - patch
- apiGroups:
  - etcd.etcd.io
  resources:
  - etcdclusters/status
  verbs:
  - patch
- apiGroups:
  - etcd.etcd.io
  resources:
  - etcdclusters/finalizers
  verbs:
  - update
- apiGroups:
  - discovery.k8s.io
  resources:
  - endpointslices
  verbs:
  - list
- apiGroups:
  - ''
  resources:
  - nodes
  verbs:
  - get
  - list
- apiGroups:
  - ''
  resources:
  - pods/resize
  verbs:
  - patch
- apiGroups:
  - batch
  resources:
  - jobs
  verbs:
  - get
  - list
  - watch
  - create
  - delete
- apiGroups:
  - etcd.etcd.io
  resources:
  - etcdbackups
  verbs:
  - list
  - watch
  - create
- apiGroups:
  - etcd.etcd.io
  resources:
  - etcdbackups/status
  verbs:
  - patch
- apiGroups:
  - etcd.etcd.io
  resources:
  - etcdrestores
  verbs:
  - list
  - watch
  - patch
- apiGroups:
  - etcd.etcd.io
  resources:
  - etcdrestores/status
  verbs:
  - patch
- apiGroups:
  - ''
  resources:
  - persistentvolumes
  verbs:
  - get
  - patch
{{- end }}

{{- define "etcd-operator.namespacedRules" -}}
- apiGroups:
  - ''
  resources:
  - events
  verbs:
  - list
  - create
- apiGroups:
  - ''
  resources:
  - persistentvolumeclaims
  verbs:
  - get
  - list
  - watch
  - create
  - patch
  - delete
- apiGroups:
  - ''
  resources:
  - pods
  verbs:
  - get
  - list
  - watch
  - patch
  - delete
- apiGroups:
  - ''
  resources:
  - pods/eviction
  verbs:
  - create
- apiGroups:
  - ''
  resources:
  - secrets
  verbs:
  - get
  - create
  - patch
- apiGroups:
  - ''
  resources:
  - services
  verbs:
  - get
  - list
  - watch
  - create
  - patch
  - delete
- apiGroups:
  - ''
  resources:
  - configmaps
  verbs:
  - get
  - list
  - watch
  - create
  - patch
  - delete
- apiGroups:
  - apps
  resources:
  - statefulsets
  verbs:
  - get
  - list
  - watch
  - create
  - patch
  - delete
- apiGroups:
  - policy
  resources:
  - poddisruptionbudgets
  verbs:
  - get
  - list
  - watch
  - create
  - patch
- apiGroups:
  - cert-manager.io
  resources:
  - certificates
  verbs:
  - get
  - list
  - watch
  - create
  - patch
  - delete
- apiGroups:
  - networking.k8s.io
  resources:
  - networkpolicies
  verbs:
  - get
  - list
  - watch
  - create
  - patch
  - delete
- apiGroups:
  - etcd.etcd.io
  resources:
  - etcdclusters
  verbs:
  - list
  - watch
  - create
  - patch
- apiGroups:
  - etcd.etcd.io
  resources:
  - etcdclusters/status
  verbs:
  - patch
- apiGroups:
  - etcd.etcd.io
  resources:
  - etcdclusters/finalizers
  verbs:
  - update
- apiGroups:
  - discovery.k8s.io
  resources:
  - endpointslices
  verbs:
  - list
- apiGroups:
  - ''
  resources:
  - pods/resize
  verbs:
  - patch
- apiGroups:
  - batch
  resources:
  - jobs
  verbs:
  - get
  - list
  - watch
  - create
  - delete
- apiGroups:
  - etcd.etcd.io
  resources:
  - etcdbackups
  verbs:
  - list
  - watch
  - create
- apiGroups:
  - etcd.etcd.io
  resources:
  - etcdbackups/status
  verbs:
  - patch
- apiGroups:
  - etcd.etcd.io
  resources:
  - etcdrestores
  verbs:
  - list
  - watch
  - patch
- apiGroups:
  - etcd.etcd.io
  resources:
  - etcdrestores/status
  verbs:
  - patch
{{- end }}

{{- define "etcd-operator.clusterRules" -}}
- apiGroups:
  - ''
  resources:
  - nodes
  verbs:
  - get
  - list
- apiGroups:
  - ''
  resources:
  - persistentvolumes
  verbs:
  - get
  - patch
{{- end }}

{{- define "etcd-operator.leaseRules" -}}
- apiGroups:
  - coordination.k8s.io
  resources:
  - leases
  verbs:
  - create
- apiGroups:
  - coordination.k8s.io
  resources:
  - leases
  resourceNames:
  - etcd-operator
  - etcd-operator-1
  - etcd-operator-2
  - etcd-operator-3
  - etcd-operator-4
  - etcd-operator-5
  - etcd-operator-6
  - etcd-operator-7
  - etcd-operator-8
  - etcd-operator-9
  - etcd-operator-10
  - etcd-operator-11
  - etcd-operator-12
  - etcd-operator-13
  - etcd-operator-14
  - etcd-operator-15
  - etcd-operator-replicas
  verbs:
  - get
  - patch
{{- end }}

{{- define "etcd-operator.ownPodRules" -}}
- apiGroups:
  - ''
  resources:
  - pods
  verbs:
  - get
{{- end }}

{{- define "etcd-operator.bindingRules" -}}
- apiGroups:
  - etcd.etcd.io
  resources:
  - etcdclusters
  verbs:
  - get
  - list
  - watch
{{- end }}

{{- define "etcd-operator.container" -}}
ports:
- name: http
  containerPort: 8081
  protocol: TCP
startupProbe:
  httpGet:
    path: /livez
    port: http
  periodSeconds: 1
  timeoutSeconds: 5
  failureThreshold: 300
livenessProbe:
  httpGet:
    path: /livez
    port: http
  periodSeconds: 10
  failureThreshold: 6
readinessProbe:
  httpGet:
    path: /readyz
    port: http
  periodSeconds: 2
{{- end }}

{{- define "etcd-operator.memberSelector" -}}
matchLabels:
  app.kubernetes.io/managed-by: etcd-operator
matchExpressions:
- key: etcd.etcd.io/cluster
  operator: Exists
{{- end }}

{{- define "etcd-operator.memberEndpoint" -}}
port: metrics
relabelings:
- sourceLabels:
  - __meta_kubernetes_pod_label_etcd_etcd_io_cluster
  targetLabel: cluster
{{- end }}

{{- define "etcd-operator.memberServiceSelector" -}}
matchLabels:
  app.kubernetes.io/managed-by: etcd-operator
  app.kubernetes.io/component: peer
matchExpressions:
- key: etcd.etcd.io/cluster
  operator: Exists
{{- end }}

{{- define "etcd-operator.memberServiceEndpoint" -}}
port: metrics
relabelings:
- sourceLabels:
  - __meta_kubernetes_service_label_etcd_etcd_io_cluster
  targetLabel: cluster
{{- end }}
