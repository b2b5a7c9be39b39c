"""The databases restored to three different seconds of a load, reconciled, and held against what callers knew.

`clusters` archives and recovers PostgreSQL clusters as docs/operations/backup.md describes, `promises` says what
still must hold of what callers were answered.
"""
