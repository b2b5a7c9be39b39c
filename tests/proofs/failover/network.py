"""A network of this machine only, whose hosts can be cut off: network namespaces on a bridge."""

import os
import random
import subprocess
from pathlib import Path

from tests.support.debian_programs import MissingProgramError, debian_program


class Network:
    """A bridge with an address of this machine, and hosts in namespaces of their own. Needs root."""

    def __init__(self) -> None:
        """Raises MissingProgramError if this machine does not allow it."""
        self._ip = debian_program("ip", "iproute2")
        if os.geteuid() != 0:
            raise MissingProgramError("network namespaces need root")
        self._subnet = f"10.{random.randrange(200, 250)}.{random.randrange(1, 250)}"
        # Names of network interfaces have 15 characters at most.
        self._bridge = f"fm{os.getpid() % 10**8}"
        self._hosts: list[str] = []
        self.address = f"{self._subnet}.1"
        try:
            self._run("link", "add", self._bridge, "type", "bridge")
            self._run("addr", "add", f"{self.address}/24", "dev", self._bridge)
            self._run("link", "set", self._bridge, "up")
        except subprocess.CalledProcessError as error:
            self.close()
            raise MissingProgramError(f"there can be no bridge: {error.stderr.strip()}") from error

    def add(self) -> str:
        """Adds a host and returns its address."""
        number = len(self._hosts) + 1
        host = self._name(number)
        self._run("netns", "add", host)
        address = f"{self._subnet}.{10 + number}"
        self._hosts.append(address)
        self._run("link", "add", host, "type", "veth", "peer", "name", "eth0", "netns", host)
        self._run("link", "set", host, "master", self._bridge, "up")
        self._run("-n", host, "addr", "add", f"{address}/24", "dev", "eth0")
        for device in ("eth0", "lo"):
            self._run("-n", host, "link", "set", device, "up")
        return address

    def launch_prefix(self, address: str) -> tuple[str, ...]:
        """Returns what to put before a command, so that it runs on the host."""
        return (self._ip, "netns", "exec", self._host(address))

    def processes(self, address: str) -> list[int]:
        """Returns the process ids of the host."""
        return [int(pid) for pid in self._run("netns", "pids", self._host(address)).split()]

    def cut(self, address: str) -> None:
        """Cuts the host off: what is sent from it and to it is lost."""
        self._run("link", "set", self._host(address), "nomaster")

    def mend(self, address: str) -> None:
        """Connects the host again."""
        self._run("link", "set", self._host(address), "master", self._bridge)

    def close(self) -> None:
        """Removes hosts and bridge. The processes must have ended."""
        for address in self._hosts:
            subprocess.run([self._ip, "netns", "del", self._host(address)], check=False, capture_output=True)
        if Path(f"/sys/class/net/{self._bridge}").exists():
            self._run("link", "del", self._bridge)

    def _host(self, address: str) -> str:
        return self._name(self._hosts.index(address) + 1)

    def _name(self, number: int) -> str:
        return f"{self._bridge}-{number}"

    def _run(self, *arguments: str) -> str:
        command = [self._ip, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
