"""The exported copy of the cookies: a folder for each, which scripts on this machine read.

The database is the truth. A folder is written, replaced and removed to match it, and never read back.
"""
