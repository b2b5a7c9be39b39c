"""The services on a PostgreSQL under Patroni, whose primary is killed, stopped and cut off under load."""
