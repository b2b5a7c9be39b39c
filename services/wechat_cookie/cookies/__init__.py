"""Cookies: saving, listing, choosing, handing out to internal programs, expiry and deletion.

The rules take an open connection and plain values. Every change of an owner's cookies, or of which is current,
holds the owner's lock (owners.py).
"""
