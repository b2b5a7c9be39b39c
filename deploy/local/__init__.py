"""The local stack: PostgreSQL, certificates, the services and Envoy on one machine."""
