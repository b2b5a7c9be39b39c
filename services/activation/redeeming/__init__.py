"""Redeeming a code: claimed here, applied to the account at Identity."""
