"""Code shared by the services: server, interceptors, access, database, jobs. Holds no domain rules."""
