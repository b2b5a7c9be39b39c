"""Makes the services' databases agree after backups of different moments were restored."""
