"""The exported copies of the cookies: a folder for each, for scripts on this machine.

The database is authoritative. A folder is written, replaced and removed to match it, and never read.
"""
