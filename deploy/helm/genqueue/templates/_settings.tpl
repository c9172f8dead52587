{{/* A dict of `root` and `component`: the lines of that component's ConfigMap. Numbers pass through toJson, because
     Helm holds them as floats and would write 5368709120 as 5.36870912e+09. */}}
{{- define "genqueue.settings" -}}
{{- $storage := required "settings.shared.STORAGE_URL is needed: s3://bucket/prefix" .root.Values.settings.shared.STORAGE_URL -}}
PUBLIC_URL: {{ include "genqueue.publicUrl" .root | quote }}
{{- range $settings := list (omit .root.Values.settings.shared "PUBLIC_URL") (index .root.Values.settings .component) }}
{{- range $name, $value := $settings }}
{{- $text := ternary $value (toJson $value) (kindIs "string" $value) }}
{{- if and (ne $text "") (ne $text "null") }}
{{ $name }}: {{ $text | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* A dict of `root` and `name`, a variable: the Secret and the key that hold it, or nothing. */}}
{{- define "genqueue.secretKey" -}}
{{- $secrets := .root.Values.secrets -}}
{{- $source := index $secrets.from .name -}}
{{- if hasKey $secrets.values .name -}}
name: {{ include "genqueue.fullname" .root }}
key: {{ .name }}
{{- else if $source -}}
name: {{ $source.name }}
key: {{ $source.key }}
{{- else if $secrets.existingSecret -}}
name: {{ $secrets.existingSecret }}
key: {{ .name }}
{{- end -}}
{{- end -}}

{{/* A dict of `root`, `needed` and `wanted`, the names of variables: an env entry for each that has a source. Of
     existingSecret, what is only wanted may be missing; what `from` names must be there. */}}
{{- define "genqueue.secretEnv" -}}
{{- $root := .root -}}
{{- $needed := .needed -}}
{{- $secrets := .root.Values.secrets -}}
{{- range $name := concat $needed .wanted }}
{{- $secretKey := include "genqueue.secretKey" (dict "root" $root "name" $name) }}
{{- if $secretKey }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef:
      {{- $secretKey | nindent 6 }}
      {{- if not (or (has $name $needed) (hasKey $secrets.from $name) (hasKey $secrets.values $name)) }}
      optional: true
      {{- end }}
{{- else if has $name $needed }}
{{- fail (printf "%s has no source: set secrets.existingSecret, secrets.from.%s or, for trying out, secrets.values.%s" $name $name $name) }}
{{- end }}
{{- end }}
{{- end -}}
