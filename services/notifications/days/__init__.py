"""The ends of the accounts' access, kept by the account feed, and the notifications about them."""
