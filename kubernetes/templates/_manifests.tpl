{{/*
A manifest of the mode's folder, as this release's: its name, namespace and labels.
Takes (list CONTEXT FILE).
*/}}
{{- define "entropyd.manifest" -}}
{{- $context := index . 0 -}}
{{- $manifest := printf "%s/%s" $context.Values.mode (index . 1) | $context.Files.Get | fromYaml -}}
{{- $labels := merge (include "entropyd.labels" $context | fromYaml) (include "entropyd.selector" $context | fromYaml) -}}
{{- $_ := set $manifest "metadata" (dict "name" $context.Release.Name "namespace" $context.Release.Namespace "labels" $labels) -}}
{{- toYaml $manifest -}}
{{- end }}

{{- define "entropyd.labels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* What finds the pods of this release and no others. */}}
{{- define "entropyd.selector" -}}
app.kubernetes.io/name: {{ eq .Values.mode "gateway" | ternary "entropyd" "entropyd-socket" }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "entropyd.image" -}}
{{- $tag := printf ":%s" (default .Chart.AppVersion .Values.image.tag) -}}
{{- .Values.image.repository }}{{ empty .Values.image.digest | ternary $tag (printf "@%s" .Values.image.digest) }}
{{- end }}

{{- define "entropyd.config" -}}
{{- default (printf "%s/entropyd.toml" .Values.mode | .Files.Get) .Values.config -}}
{{- end }}

{{- define "entropyd.priorityClass" -}}
{{- default .Release.Name .Values.priorityClass.name -}}
{{- end }}

{{/* The name of the Service, as clients use it. */}}
{{- define "entropyd.host" -}}
{{ .Release.Name }}.{{ .Release.Namespace }}.svc
{{- end }}
