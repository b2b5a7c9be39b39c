"""Load: concurrent calls over HTTP/2, with so little CPU in the client that the server is the bottleneck."""
