"""Programs that use clients which generators made of /openapi.json; see test_generated_clients.py."""
