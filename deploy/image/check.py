"""`make image-check`: builds the image, starts each service from it and calls it over mutual TLS.

Needs buildah (as root) or docker with its server; without them it says so and does nothing. `--base` replaces the
image that the Dockerfile begins with, `--build-option` is passed to the builder.
"""

import argparse
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from cryptography.fernet import Fernet
from grpc_health.v1 import health_pb2, health_pb2_grpc

from deploy.compose.certificates import NAMES
from deploy.local.ports import ReservedPort
from deploy.local.programs import ROOT
from fastmp.activation.v1 import activation_service_pb2 as activation
from fastmp.identity.v1 import identity_service_pb2 as identity
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as wechat_cookie
from services.chassis.channels import channel
from services.chassis.errors import reason_of
from services.chassis.mutual_tls import TlsFiles

TAG = "localhost/fastmp:image-check"
# The user in the Dockerfile.
USER = 10001
START_SECONDS = 60.0
KINDS = ("PORT", "OPS_PORT", "METRICS_PORT")
# A call of each service that needs an account, so that Activation and WeChatCookie ask Identity about the token.
CALLS: Mapping[str, tuple[str, Any]] = {
    "identity": ("/fastmp.identity.v1.IdentityService/GetMe", identity.GetMeRequest()),
    "activation": (
        "/fastmp.activation.v1.ActivationService/Activate",
        activation.ActivateRequest(activation_code="0" * 32),
    ),
    "wechat_cookie": (
        "/fastmp.wechat_cookie.v1.WeChatCookieService/ListCookies",
        wechat_cookie.ListCookiesRequest(),
    ),
}


@dataclass(frozen=True)
class Builder:
    """A program that builds images and runs commands in them, on the host's network."""

    program: str

    def build(self, base: str | None, options: Sequence[str]) -> None:
        """Builds TAG from the Dockerfile. Raises CalledProcessError."""
        chosen = [] if base is None else ["--build-arg", f"BASE={base}"]
        isolation = ["--isolation", "chroot"] if self.program == "buildah" else []
        file = ["--file", "deploy/image/Dockerfile", "--tag", TAG]
        command = [self.program, "build", *isolation, *chosen, *options, *file, "."]
        subprocess.run(command, cwd=ROOT, check=True)

    @contextmanager
    def container(self) -> Iterator[str]:
        """Yields a container of the image, for buildah; docker makes one for each command."""
        if self.program == "docker":
            yield TAG
            return
        made = subprocess.run(
            ["buildah", "from", "--pull-never", TAG], check=True, capture_output=True, text=True
        )
        name = made.stdout.strip()
        try:
            yield name
        finally:
            subprocess.run(["buildah", "rm", name], check=True, capture_output=True)

    def command(
        self,
        container: str,
        module: Sequence[str],
        environment: Mapping[str, str],
        folders: Mapping[Path, str],
    ) -> list[str]:
        """Returns the command line that runs `python -m module` as the image's user with the folders mounted."""
        settings = [f"--env={name}={value}" for name, value in environment.items()]
        volumes = [f"--volume={host}:{inside}" for host, inside in folders.items()]
        if self.program == "docker":
            confined = ["--rm", "--network=host", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL"]
            return ["docker", "run", *confined, *settings, *volumes, container, *module]
        # `buildah run` knows no entry point.
        run = ["buildah", "run", "--isolation=chroot", *settings, *volumes, container, "--"]
        return [*run, "python", "-m", *module]

    def run(self, *arguments: Any) -> None:
        """Runs the command of command() to its end. Raises CalledProcessError."""
        subprocess.run(self.command(*arguments), check=True, timeout=START_SECONDS, stdout=subprocess.DEVNULL)

    @contextmanager
    def running(self, log: Path, *arguments: Any) -> Iterator[None]:
        """Runs the command of command() while the block runs; its output goes to `log`."""
        with log.open("wb") as output:
            process = subprocess.Popen(
                self.command(*arguments), start_new_session=True, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            yield
        finally:
            # To the service, too: buildah does not pass the signal on.
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(START_SECONDS)


def find_builder() -> Builder | None:
    """Returns the builder of this machine, or None."""
    if shutil.which("buildah") and os.geteuid() == 0:
        return Builder("buildah")
    if shutil.which("docker") is None:
        return None
    server = subprocess.run(["docker", "info"], capture_output=True, check=False)
    return Builder("docker") if server.returncode == 0 else None


def check(builder: Builder, folder: Path) -> None:
    """Starts the services from the image and calls each, and writes Envoy's configuration.

    `folder` is for certificates and must be empty. Raises CalledProcessError, OSError or TimeoutError.
    """
    certificates = folder / "certificates"
    with builder.container() as container, ExitStack() as held:
        for name in ("authority", *NAMES):
            _owned_by_the_image(certificates / name)
        issued = {certificates: "/certificates"}
        builder.run(container, ["deploy.compose.certificates"], {}, issued)
        ports = _ports(held)
        for service in CALLS:
            own = {certificates / service: "/certificates"}
            environment = _environment(service, ports)
            builder.run(container, [f"services.{service}", "migrate", "--sql"], environment, own)
            log = folder / f"{service}.log"
            held.enter_context(builder.running(log, container, [f"services.{service}"], environment, own))
        # Identity first, which the others ask.
        for service in CALLS:
            call = Call(service, ports, _tls(certificates, "ops"))
            try:
                print(f"{service}: {call.await_refusal()}, health {call.health()}", flush=True)
            except TimeoutError:
                print((folder / f"{service}.log").read_text()[-4000:], file=sys.stderr)
                raise
        _owned_by_the_image(folder / "configuration")
        written = {folder / "configuration": "/configuration", certificates / "gateway": "/certificates"}
        configure = ["gateway.configure", "--output", "/configuration/envoy.yaml"]
        builder.run(container, configure, _environment("gateway", {}), written)
        print(f"gateway: {(folder / 'configuration' / 'envoy.yaml').stat().st_size} bytes of configuration")


def _ports(held: ExitStack) -> dict[str, str]:
    ports = {}
    for service in CALLS:
        for kind in KINDS:
            port = ReservedPort.reserve()
            held.callback(port.release)
            ports[f"{service.upper()}_{kind}"] = str(port.number)
    return ports


def _owned_by_the_image(folder: Path) -> None:
    folder.mkdir(parents=True)
    if os.geteuid() == 0:
        for one in (folder, folder.parent):
            os.chown(one, USER, USER)


def _environment(part: str, ports: Mapping[str, str]) -> dict[str, str]:
    environment = {
        "TLS_CA_FILE": "/certificates/ca.pem",
        "TLS_CERTIFICATE_FILE": f"/certificates/{part}.pem",
        "TLS_KEY_FILE": f"/certificates/{part}.key",
        **{name: port for name, port in ports.items() if name.startswith(part.upper())},
    }
    if part == "gateway":
        return environment
    # No database: what is asked below needs none, and the health is NOT_SERVING.
    environment[f"{part.upper()}_DATABASE_URL"] = "postgresql://nothing@127.0.0.1:9/nothing"
    environment["AUDIT_KEY"] = secrets.token_urlsafe(32)
    if part == "identity":
        environment["JWT_SECRET"] = secrets.token_urlsafe(32)
    else:
        environment["IDENTITY_ADDRESS"] = f"127.0.0.1:{ports['IDENTITY_PORT']}"
    if part == "wechat_cookie":
        environment["COOKIE_KEYS"] = Fernet.generate_key().decode()
    return environment


def _tls(certificates: Path, name: str) -> TlsFiles:
    folder = certificates / name
    return TlsFiles(folder / "ca.pem", folder / f"{name}.pem", folder / f"{name}.key")


@dataclass(frozen=True)
class Call:
    """Calls of a service over mutual TLS."""

    service: str
    ports: Mapping[str, str]
    tls: TlsFiles

    def await_refusal(self) -> str:
        """Calls until the service, or Identity behind it, refuses a token that is none, and returns the reason.

        Raises TimeoutError with the last answer.
        """
        path, request = CALLS[self.service]
        deadline = time.monotonic() + START_SECONDS
        answer = ""
        with self._channel("PORT") as connection:
            call: Any = connection.unary_unary(
                path, request_serializer=lambda message: message.SerializeToString()
            )
            while answer != "TOKEN_INVALID":
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{self.service} answers {answer}")
                try:
                    call(request, metadata=(("authorization", "Bearer none"),), timeout=5)
                except grpc.RpcError as error:
                    answer = reason_of(error) or str(error.code())
                time.sleep(0.2)
        return answer

    def health(self) -> str:
        """Returns the status that the service reports; NOT_SERVING without a database."""
        with self._channel("OPS_PORT") as connection:
            stub: Any = health_pb2_grpc.HealthStub(connection)
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=5)
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status))

    def _channel(self, kind: str) -> grpc.Channel:
        port = self.ports[f"{self.service.upper()}_{kind}"]
        return channel(f"127.0.0.1:{port}", self.service, self.tls)


def main() -> int:
    """Runs the check and returns the exit status: 0 also if there is no builder."""
    parser = argparse.ArgumentParser(prog="python -m deploy.image.check", description=__doc__)
    parser.add_argument("--base", help="image that replaces the Dockerfile's")
    parser.add_argument("--build-option", action="append", default=[], help="option for the builder")
    arguments = parser.parse_args()
    builder = find_builder()
    if builder is None:
        print("image-check: skipped, because neither buildah (as root) nor docker is there")
        return 0
    try:
        builder.build(arguments.base, arguments.build_option)
        with tempfile.TemporaryDirectory() as folder:
            check(builder, Path(folder))
    except (subprocess.SubprocessError, OSError) as error:
        print(f"image-check: failed: {error}", file=sys.stderr)
        return 1
    print(f"image-check: passed, by {builder.program}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
