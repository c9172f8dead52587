{{/* The metric that workers scale by; the program exports it under this name. */}}
{{- define "genqueue.oldestAgeMetric" -}}
genqueue_job_oldest_age_seconds
{{- end -}}

{{- define "genqueue.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "genqueue.fullname" -}}
{{- $name := include "genqueue.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The next three take a dict of `root`, the whole context, and `component`: api or worker. */}}
{{- define "genqueue.selector" -}}
app.kubernetes.io/name: {{ include "genqueue.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "genqueue.labels" -}}
{{ include "genqueue.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: genqueue
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "genqueue.metadata" -}}
name: {{ include "genqueue.fullname" .root }}-{{ .component }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "genqueue.labels" . | nindent 2 }}
{{- end -}}

{{- define "genqueue.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "genqueue.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "genqueue.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "genqueue.publicUrl" -}}
{{- if .Values.settings.shared.PUBLIC_URL -}}
{{- .Values.settings.shared.PUBLIC_URL -}}
{{- else if and .Values.ingress.enabled .Values.ingress.hosts -}}
{{- printf "%s://%s" (ternary "https" "http" (not (empty .Values.ingress.tls))) (first .Values.ingress.hosts).host -}}
{{- else -}}
{{- printf "http://%s-api.%s.svc:%s" (include "genqueue.fullname" .) .Release.Namespace (toJson .Values.api.service.port) -}}
{{- end -}}
{{- end -}}

{{/* Where a component of the dict serves /metrics. */}}
{{- define "genqueue.metricsPort" -}}
{{- if eq .component "worker" -}}
health
{{- else if .root.Values.settings.api.ADMIN_PORT -}}
admin
{{- else -}}
http
{{- end -}}
{{- end -}}

{{/* Takes names of namespaces. */}}
{{- define "genqueue.fromNamespaces" -}}
from:
  {{- range . }}
  - namespaceSelector:
      matchLabels:
        kubernetes.io/metadata.name: {{ . }}
  {{- end }}
{{- end -}}
