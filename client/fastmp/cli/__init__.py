"""The command line `fastmp`: what people do at FastMP's gateway, from a terminal or a script."""
