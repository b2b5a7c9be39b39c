"""Signing in: passwords compared, attempts limited, access tokens issued and checked."""
