"""Debian's nginx and Caddy, with the files of the guide, started by what stands in for `sudo` and `systemctl`."""

import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.proofs.guide.machine import Machine
from tests.support.waiting import wait_until

HOST = "fastmp.example"
PACKAGES = ("nginx", "nginx-common", "caddy")
NGINX_CONFIGURATION = """
user root;
pid {root}/nginx.pid;
error_log {root}/nginx.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {root}/nginx-body;
    proxy_temp_path {root}/nginx-proxy;
    fastcgi_temp_path {root}/nginx-fastcgi;
    uwsgi_temp_path {root}/nginx-uwsgi;
    scgi_temp_path {root}/nginx-scgi;
    include {root}/etc/nginx/sites-enabled/*;
}}
"""
CADDY_OPTIONS = """{{
    admin off
    auto_https disable_redirects
    default_bind 127.0.0.1
    https_port {port}
}}
"""
SYSTEMCTL = """#!/bin/sh -e
# Starts the proxy that is to be reloaded, and sends curl's calls of the guide's host to it.
case "$*" in
"reload nginx") nginx; port={nginx} ;;
"reload caddy")
    caddy start --config {root}/etc/caddy/Caddyfile --pidfile {root}/caddy.pid > {root}/caddy.log 2>&1
    port={caddy} ;;
*) echo "not known here: systemctl $*" >&2; exit 1 ;;
esac
echo "connect-to = {host}:443:127.0.0.1:$port" > {root}/.curlrc
"""


def fetch(folder: Path) -> bool:
    """Unpacks Debian's packages into `folder`, without installing them; False if they cannot be had."""
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        return False
    download = ("apt-get", "-q", "download", *PACKAGES)
    if not succeeds(download, folder):
        # Its lists of packages may be missing or old.
        succeeds(("apt-get", "-q", "update"), folder)
        if not succeeds(download, folder):
            return False
    for package in folder.glob("*.deb"):
        subprocess.run(("dpkg", "-x", str(package), str(folder)), check=True)
    return True


def succeeds(command: tuple[str, ...], folder: Path) -> bool:
    """Runs the command in `folder` and returns whether it exits with 0."""
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


def certificate(folder: Path) -> str:
    """Writes a certificate for HOST and its key into `folder` as certbot names them; returns what trusts it."""
    folder.mkdir(parents=True)
    names = ("-keyout", "privkey.pem", "-out", "fullchain.pem")
    own = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={HOST}")
    subprocess.run(
        (*own, "-addext", f"subjectAltName=DNS:{HOST}", *names), cwd=folder, check=True, capture_output=True
    )
    return (folder / "fullchain.pem").read_text()


@contextmanager
def proxies(machine: Machine, programs: Path) -> Iterator[None]:
    """Context in which nginx and caddy of `programs` are commands of the machine, with a certificate for HOST."""
    root, nginx, caddy = machine.root, machine.free_port("nginx"), machine.free_port("caddy")
    (root / "etc/nginx").mkdir(parents=True)
    (root / "etc/nginx/nginx.conf").write_text(NGINX_CONFIGURATION.format(root=root))
    machine.command("nginx", f'exec {programs}/usr/sbin/nginx -p {root} -c {root}/etc/nginx/nginx.conf "$@"')
    machine.command("caddy", f'HOME={root} exec {programs}/usr/bin/caddy "$@"')
    machine.command("sudo", 'exec "$@"')
    script = SYSTEMCTL.format(root=root, nginx=nginx, caddy=caddy, host=HOST)
    machine.command("systemctl", script)
    machine.changes.append((re.compile(r"listen 443 "), f"listen 127.0.0.1:{nginx} "))
    machine.changes.append(
        (re.compile(r"\Afastmp\.example \{"), CADDY_OPTIONS.format(port=caddy) + f"{HOST} {{")
    )
    try:
        yield
    finally:
        for name in ("nginx", "caddy"):
            end(root / f"{name}.pid")


def end(pid_file: Path) -> None:
    """Ends the process in the file, if it was started."""
    if pid_file.exists() and psutil.pid_exists(pid := int(pid_file.read_text())):
        process = psutil.Process(pid)
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: not process.is_running(), f"the end of the process in {pid_file.name}")
