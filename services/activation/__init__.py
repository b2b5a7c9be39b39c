"""The Activation service: codes that give an account days of access, each redeemed once."""
