"""What every FastMP service stands on: server, interceptors, access, database, jobs. Knows no domain."""
