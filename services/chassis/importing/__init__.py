"""The common part of the services' import-fastmp: another FastMP's database, read row by row, and the report."""
