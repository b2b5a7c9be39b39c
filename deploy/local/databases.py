"""Databases and roles. Each service's role owns its database and cannot connect to any other."""

from typing import LiteralString

import psycopg
from psycopg import sql


def ensure_owned_database(superuser_url: str, *, name: str, password: str) -> None:
    """Creates the role and the database `name`; the role cannot connect to any other database of the server.

    Idempotent; sets the role's password. `superuser_url` is a libpq URL of a superuser on any database of the
    server.
    """
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        role = sql.Identifier(name)
        if _missing(connection, "SELECT FROM pg_roles WHERE rolname = %s", name):
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(password)))
        if _missing(connection, "SELECT FROM pg_database WHERE datname = %s", name):
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))
        for database in (name, "postgres", "template1"):
            close_to_public(connection, database)


def close_to_public(connection: psycopg.Connection, database: str) -> None:
    """Revokes all rights on `database` from all roles but its owner and superusers. Idempotent."""
    # By default PostgreSQL lets every role connect to every database.
    statement = sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC")
    connection.execute(statement.format(sql.Identifier(database)))


def _missing(connection: psycopg.Connection, query: LiteralString, name: str) -> bool:
    return connection.execute(query, (name,)).fetchone() is None
