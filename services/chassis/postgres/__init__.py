"""A service's own PostgreSQL database: transactions, migrations, notifications."""
