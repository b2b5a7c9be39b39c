"""Jobs that survive the death of a process, stored in the database of the service."""
