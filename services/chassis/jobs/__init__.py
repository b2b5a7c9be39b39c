"""Jobs that must run although a process may die, kept in the service's own database."""
