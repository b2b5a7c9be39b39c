"""The tests and proofs. They do not see the settings that are exported in the shell they are started from.

Importing this package is what hides them, so it holds for pytest, its workers and `python -m tests.proofs.…` alike.
"""

import signal

from deploy.local.known_settings import forget_settings

forget_settings()
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell starts background jobs with SIGINT ignored, and programs started from here would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
