"""Who calls: members with accounts of their own, an admin who makes codes, a program that uses cookies."""
