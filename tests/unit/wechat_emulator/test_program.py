import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from deploy.wechat_emulator.control import EmulatorControl
from deploy.wechat_emulator.running import RunningEmulator
from deploy.wechat_emulator.serving import Serving
from tests.unit.wechat_emulator.browser import Browser

REPOSITORY = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "deploy.wechat_emulator"]


@contextmanager
def program(*arguments: str, token: str = "") -> Iterator[tuple[subprocess.Popen[str], str]]:
    environment = os.environ | {"WECHAT_EMULATOR_TOKEN": token}
    with subprocess.Popen(
        [*COMMAND, *arguments], cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            ready = re.fullmatch(r"ready (https?://127\.0\.0\.1:[0-9]+)\n", process.stdout.readline())
            assert ready is not None
            yield process, ready[1]
        finally:
            process.kill()


def refused(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], cwd=REPOSITORY, capture_output=True, text=True, timeout=20, check=False
    )


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_makes_a_ca_serves_a_timed_login_and_ends_on_a_signal(
    tmp_path: Path, ending: signal.Signals
) -> None:
    folder = tmp_path / "tls"
    arguments = (
        "--make-ca",
        str(folder),
        "--scan-after",
        "0",
        "--confirm-after",
        "0",
        "--knob",
        "home_shape=2",
    )
    with program(*arguments, token="a-token-for-tests") as (process, base_url):
        ca_file = str(folder / "ca.pem")
        with EmulatorControl(base_url, "a-token-for-tests", ca_file) as control:
            with Browser(RunningEmulator(base_url, ca_file, control, "a-token-for-tests")) as browser:
                browser.started()
                assert browser.status() == 1
                assert "redirect_url" in browser.finish().json()
            assert control.knobs().home_shape == 2
        process.send_signal(ending)
        assert process.wait(10) == 0
        assert process.stdout is not None
        assert process.stdout.read() == ""
    assert stat.S_IMODE((folder / "server.key").stat().st_mode) == 0o600


def test_without_a_token_there_is_no_control_api() -> None:
    with program("--plain-http") as (_, base_url):
        response = requests.get(base_url + "/_emulator/logins", headers={"X-Emulator-Token": ""}, timeout=5)
        assert response.status_code == 404


def test_a_taken_port_is_one_line_and_exit_code_1(plain_emulator: RunningEmulator) -> None:
    ended = refused("--plain-http", "--port", plain_emulator.base_url.rpartition(":")[2])
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--tls-certificate", "x.pem"),
        ("--tls-certificate", "missing.pem", "--tls-key", "missing.key"),
        ("--plain-http", "--knob", "no_such=1"),
        ("--plain-http", "--knob", "acct_size=x"),
    ],
)
def test_wrong_arguments_are_named_with_exit_code_2(arguments: tuple[str, ...]) -> None:
    ended = refused(*arguments)
    assert ended.returncode == 2
    assert "error: " in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_control_token_is_not_in_a_repr() -> None:
    assert "geheim" not in repr(Serving(control_token="geheim"))
