"""Alembic's entry point for every service; services.chassis.postgres.migrations passes the connection."""

from alembic import context

connection = context.config.attributes["connection"]
if connection is None:
    context.configure(dialect_name="postgresql", transaction_per_migration=True, literal_binds=True)
else:
    context.configure(connection=connection, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
