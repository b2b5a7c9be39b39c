"""The local stack: PostgreSQL, certificates, the three services and Envoy on one machine."""
