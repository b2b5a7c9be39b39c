"""The PostgreSQL database of a service: transactions, migrations, notifications."""
