"""The environment of a stack whose callers all come from one address: throttles that they do not reach."""

import os

GENEROUS = {
    "SIGN_IN_LIMIT_PER_ACCOUNT": "1000",
    "SIGN_IN_LIMIT_UNKNOWN_NETWORKS": "100000",
    "SIGN_IN_LIMIT_PER_ADDRESS": "100000",
    "SIGN_INS_PER_ACCOUNT": "100000",
    "HASHING_QUEUE_PER_NETWORK": "192",
    "REGISTRATION_LIMIT_PER_ADDRESS": "1000000",
    "ACTIVATION_LIMIT_PER_ACCOUNT": "1000",
    "ACTIVATION_LIMIT_PER_ADDRESS": "100000",
    "LOGIN_START_LIMIT_PER_ACCOUNT": "1000000",
    "LOGIN_START_LIMIT_PER_WAY_OUT": "1000000",
    "COOKIE_CHANGE_LIMIT_PER_ACCOUNT": "1000000",
    "MAX_STREAMS_PER_ACCOUNT": "20000",
    "PUBLIC_REQUESTS_PER_SECOND": "10000",
}


def generous_environment(**more: str) -> dict[str, str]:
    """This process's environment with the throttles out of the way, and `more` variables."""
    return {**os.environ, **GENEROUS, **more}
