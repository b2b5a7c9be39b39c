"""The import of activation codes from another FastMP: `python -m services.activation import-fastmp`."""
