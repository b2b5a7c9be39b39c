"""The HTTP filters that routes configure, by the names under which they are registered in the chain."""

HEADERS = "envoy.filters.http.header_mutation"
CORS = "envoy.filters.http.cors"
RATE_LIMIT = "envoy.filters.http.local_ratelimit"
HEALTH = "fastmp.health"
BUFFER = "envoy.filters.http.buffer"
TRANSCODER = "envoy.filters.http.grpc_json_transcoder"
