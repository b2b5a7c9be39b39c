"""The access log: a line of JSON for each request, on standard output."""

from gateway.envoy.extensions import Config, extension


def access_log(*, has_traces: bool) -> Config:
    """Returns the access log's part of the HTTP connection manager's configuration.

    A line holds the route's name, but not the path or query, which may hold a login_key or an activation code.
    """
    fields = {
        "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
        "request_id": "%REQ(X-REQUEST-ID)%",
        "client_address": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
        "protocol": "%PROTOCOL%",
        "verb": "%REQ(X-ENVOY-ORIGINAL-METHOD?:METHOD)%",
        "route": "%ROUTE_NAME%",
        "status": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
        "milliseconds": "%DURATION%",
        "bytes_received": "%BYTES_RECEIVED%",
        "bytes_sent": "%BYTES_SENT%",
        "upstream": "%UPSTREAM_HOST%",
    }
    if has_traces:
        fields["trace_id"] = "%TRACE_ID%"
    return extension(
        "envoy.access_loggers.stdout",
        "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
        log_format={"json_format": fields},
    )
