# To be sourced: makes prometheus_query a function of this shell, as the runbooks expect it.
prometheus_query() { bash "$PROMETHEUS_QUERY_PROGRAM" "$@"; }
PROMETHEUS_QUERY_PROGRAM="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/prometheus_query"
