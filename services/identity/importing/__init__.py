"""The import of accounts from another FastMP: `python -m services.identity import-fastmp`."""
