"""Starts a login of an official account and follows it to its end, also when replicas restart.

The login belongs to the account whose access token is in the environment variable FASTMP_TOKEN: the `access_token`
that POST /auth/login returns. It is not an argument, because other users could read the command line.

    FASTMP_TOKEN=… python examples/watch_a_login.py --tls var/certificates
"""

import argparse
import os
import sys
from pathlib import Path

from fastmp.client import FastMPError, LoginStream, TlsFiles, WeChatCookieClient


def follow(login: LoginStream) -> bool:
    """Prints the events. Returns whether the login has succeeded. Raises FastMPError if a call fails."""
    for event in login:
        if event.HasField("qr_code"):
            print(
                f"scan this with WeChat: {event.qr_code.url or 'a picture that could not be read'}",
                flush=True,
            )
        elif event.HasField("progress"):
            print(f"{event.progress.stage}: {event.progress.message}", flush=True)
        elif event.HasField("success"):
            cookie = event.success.cookie
            print(f"{cookie.name} is logged in until {cookie.expire_time.ToDatetime():%Y-%m-%d %H:%M} UTC")
            return True
        else:
            print(f"{event.failure.reason}: {event.failure.message}")
    return False


def main() -> int:
    """Runs the example and returns the exit status: 0 if the login has succeeded."""
    parser = argparse.ArgumentParser(description="Start a login and follow it.")
    parser.add_argument("--login-key", help="follow this login instead of starting one")
    parser.add_argument("--address", default="127.0.0.1:50053", help="where WeChatCookie listens")
    parser.add_argument(
        "--tls", type=Path, required=True, help="folder with ca.pem, collector.pem, collector.key"
    )
    arguments = parser.parse_args()
    token = os.environ.get("FASTMP_TOKEN")
    if not token:
        parser.error("FASTMP_TOKEN is not set")
    tls = TlsFiles.in_folder(arguments.tls, "collector")
    try:
        with WeChatCookieClient(arguments.address, tls, access_token=token) as client:
            key = arguments.login_key
            with client.watch_login(key) if key else client.start_login() as login:
                return 0 if follow(login) else 1
    except FastMPError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
