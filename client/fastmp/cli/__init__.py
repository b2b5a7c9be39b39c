"""The command line `fastmp`, a client of FastMP's gateway for terminals and scripts."""
