"""Serves until SIGTERM or SIGINT; prints `ready <base URL>` once it accepts connections."""

import argparse
import asyncio
import datetime
import json
import os
import signal
import sys
from pathlib import Path

from deploy.wechat_emulator.knobs import InvalidKnobError, Knobs
from deploy.wechat_emulator.serving import Serving, serving
from deploy.wechat_emulator.tls import make_throwaway_ca, server_context

TOKEN_VARIABLE = "WECHAT_EMULATOR_TOKEN"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.wechat_emulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose")
    transport = parser.add_mutually_exclusive_group(required=True)
    transport.add_argument("--tls-certificate", type=Path, help="PEM chain; with --tls-key")
    transport.add_argument(
        "--make-ca", type=Path, metavar="DIR", help="make a throw-away CA, its certificate in DIR/ca.pem"
    )
    transport.add_argument("--plain-http", action="store_true", help="no TLS, cookies without Secure")
    parser.add_argument("--tls-key", type=Path)
    parser.add_argument(
        "--control-token-file",
        type=Path,
        help=f"turns the control API on, as does the environment's {TOKEN_VARIABLE}",
    )
    parser.add_argument(
        "--phone-port", type=int, metavar="PORT", help="serves a page that plays the phone on loopback"
    )
    parser.add_argument("--scan-after", type=float, metavar="SECONDS", help="scan each QR by itself")
    parser.add_argument("--confirm-after", type=float, metavar="SECONDS", help="confirm each scan by itself")
    parser.add_argument(
        "--knob",
        action="append",
        default=[],
        metavar="NAME=JSON",
        help="any knob, e.g. --knob home_shape=2 --knob 'final_login=\"html\"'",
    )
    parser.add_argument("--seed", type=int, help="repeatable uuids, tickets and tokens")
    return parser


def _settings(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> Serving:
    if (arguments.tls_certificate is None) != (arguments.tls_key is None):
        parser.error("--tls-certificate and --tls-key go together")
    knobs = Knobs()
    try:
        timed = {"scan_after": arguments.scan_after, "confirm_after": arguments.confirm_after}
        knobs = knobs.changed(timed)
        for setting in arguments.knob:
            name, _, value = setting.partition("=")
            knobs = knobs.changed({name: json.loads(value)})
    except (InvalidKnobError, json.JSONDecodeError) as error:
        parser.error(f"--knob: {error}")
    certificate, key = arguments.tls_certificate, arguments.tls_key
    try:
        if arguments.make_ca is not None:
            files = make_throwaway_ca(arguments.make_ca, datetime.datetime.now(datetime.UTC))
            certificate, key = files.certificate, files.key
        tls = None if certificate is None else server_context(certificate, key)
        token = os.environ.get(TOKEN_VARIABLE)
        if arguments.control_token_file is not None:
            token = arguments.control_token_file.read_text().strip()
    except OSError as error:
        parser.error(str(error))
    return Serving(arguments.host, arguments.port, tls, token, knobs, arguments.seed, arguments.phone_port)


async def _serve_until_signal(settings: Serving) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with serving(settings) as base_url:
        print(f"ready {base_url}", flush=True)
        await stop.wait()


def main() -> int:
    """Serves until a signal. Returns 0 after one, 1 if the port is in use, 2 for wrong arguments."""
    parser = _parser()
    settings = _settings(parser, parser.parse_args())
    try:
        asyncio.run(_serve_until_signal(settings))
    except OSError as error:
        print(f"wechat emulator: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
