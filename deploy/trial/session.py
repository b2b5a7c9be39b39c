"""The file that gives a shell the addresses and passwords of the running trial: `. var/try/session.sh`."""

import shlex
from pathlib import Path

from deploy.local.errors import LocalStackError
from deploy.local.private_files import write_private
from deploy.local.stack import LocalStack

NAME = "session.sh"


def write_session(stack: LocalStack, admin_password: str) -> Path:
    """Writes the file, readable for its owner only, into the state directory, and returns its path."""
    emulator = stack.wechat_emulator
    if emulator is None:
        raise LocalStackError("the trial has no emulated WeChat")
    variables = {
        "export FASTMP_SERVER": stack.gateway_url,
        "export FASTMP_GRPC": stack.addresses("wechat_cookie")[0],
        "export FASTMP_METRICS": f"https://{stack.addresses('wechat_cookie', 'METRICS_PORT')[0]}/metrics",
        "export FASTMP_CERTIFICATES": str(stack.tls_files("collector").ca_file.parent),
        "export WECHAT_URL": emulator.base_url,
        "export WECHAT_CA": str(emulator.ca_file),
        "admin_password": admin_password,
    }
    lines = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    path = stack.state_directory / NAME
    write_private(path, "\n".join([*lines, ""]).encode())
    return path
