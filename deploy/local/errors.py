"""The one error that the local stack shows to a person."""


class LocalStackError(Exception):
    """Why the stack cannot start or go on.

    Its text is one or a few lines for the terminal and holds no secret.
    """
