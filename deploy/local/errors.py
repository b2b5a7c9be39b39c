"""The error of the local stack that is shown to its user."""


class LocalStackError(Exception):
    """The stack cannot start or keep running.

    The message is one or a few lines for the terminal and contains no secret.
    """
