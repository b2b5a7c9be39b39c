"""Sign-in: comparing passwords, limiting attempts, issuing and verifying access tokens."""
