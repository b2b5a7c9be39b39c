"""Password hashes, and the worker processes that compute them."""
