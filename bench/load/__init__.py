"""Load: calls in flight over HTTP/2, at so little cost to the client that it is the server that is measured."""
