"""Rotates the key that encrypts cookies. At each step, every process can decrypt every cookie."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from cryptography.fernet import Fernet

from deploy.local.environments import Environments
from deploy.local.errors import LocalStackError
from deploy.local.foundation import Foundation
from deploy.local.kept_secrets import KeptSecrets, keep
from deploy.local.processes import Launcher
from deploy.local.topology import Replica

SERVICE = "wechat_cookie"


@dataclass(frozen=True)
class CookieKeyRotation:
    """A key rotation in one state directory, whose lock must be held and whose database must be running.

    `restart` restarts the replicas, one after the other, with the secrets given. An interrupted rotation loses
    nothing: the state directory contains all keys that are needed, and another rotation completes it.
    """

    foundation: Foundation
    launcher: Launcher
    restart: Callable[[Foundation], None]

    def run(self) -> None:
        """Encrypts all cookies with a new key and removes the old keys. Raises LocalStackError if a step fails."""
        if self.foundation.environments.settings.cookie_keys is not None:
            raise LocalStackError(
                "COOKIE_KEYS is set, so its keys are changed where it is (docs/operations/keys.md)"
            )
        old = self.foundation.secrets.cookie_keys
        new = Fernet.generate_key().decode()
        # First every replica gets the new key for decryption.
        decrypting = self._with_keys(f"{old},{new}")
        self._keep(decrypting.secrets)
        self.restart(decrypting)
        both = self._with_keys(f"{new},{old}")
        self._keep(both.secrets)
        self.restart(both)
        self._re_encrypt(both.environments)
        # The old key is removed from the file last, when no replica uses it any more.
        alone = self._with_keys(new)
        self.restart(alone)
        self._keep(alone.secrets)

    def _with_keys(self, cookie_keys: str) -> Foundation:
        secrets: KeptSecrets = replace(self.foundation.secrets, cookie_keys=cookie_keys)
        environments = replace(self.foundation.environments, secrets=secrets)
        return replace(self.foundation, secrets=secrets, environments=environments)

    def _keep(self, secrets: KeptSecrets) -> None:
        keep(self.foundation.state.secrets_file, secrets)

    def _re_encrypt(self, environments: Environments) -> None:
        program = self.foundation.programs.module(
            "rotate-cookie-keys",
            f"services.{SERVICE}",
            environments.service(Replica(SERVICE, 1)),
            ("rotate-cookie-keys",),
        )
        self.launcher.run(program)
