"""The error of the local stack that is shown to its user."""


class LocalStackError(Exception):
    """The stack cannot start or go on.

    Its text is one or a few lines for the terminal and holds no secret.
    """
