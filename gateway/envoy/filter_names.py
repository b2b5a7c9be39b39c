"""The HTTP filters that routes configure, by the names under which they are registered in the chain."""

HEADERS = "envoy.filters.http.header_mutation"
CORS = "envoy.filters.http.cors"
CLIENT_RATE_LIMIT = "fastmp.client_rate_limit"
TOTAL_RATE_LIMIT = "fastmp.total_rate_limit"
HEALTH = "fastmp.health"
BUFFER = "envoy.filters.http.buffer"
TRANSCODER = "envoy.filters.http.grpc_json_transcoder"
