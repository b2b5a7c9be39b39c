"""Redemption of codes: a claim here, applied to the account at Identity."""
