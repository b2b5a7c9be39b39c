"""Second factors: codes of an authenticator app (TOTP, RFC 6238) and recovery codes, each accepted once."""

import base64
import datetime
import re
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import pyotp
from pyotp.exceptions import OTPVerificationError

from services.chassis.vault import Vault
from services.identity.accounts import second_factors
from services.identity.accounts.second_factors import StoredFactor
from services.identity.accounts.transactions import AccountTransaction
from services.identity.sign_in.errors import SecondFactorUnavailableError, WrongSecondFactorError

ISSUER = "FastMP"
# Steps of 30 seconds before and after the present one: clocks differ, and codes take time to type.
TOLERATED_STEPS = 1
RECOVERY_CODES = 10
RECOVERY_CODE_BYTES = 10
_TOTP = re.compile(r"[0-9]{6}")


@dataclass(frozen=True)
class SecondFactor:
    """Creates and checks secrets and codes. Thread-safe."""

    # None if TOTP_KEYS is not set: then secrets can neither be created nor checked.
    vault: Vault | None

    def new_secret(self) -> tuple[str, bytes]:
        """Returns a new secret in base32, and the same encrypted. Raises SecondFactorUnavailableError."""
        secret = pyotp.random_base32()
        return secret, self._vault().encrypt(secret.encode())

    def use(self, transaction: AccountTransaction, account_id: uuid.UUID, given: str) -> Mapping[str, str]:
        """Accepts `given`, a code or a recovery code, once. Returns the facts for the audit entry.

        Raises WrongSecondFactorError, SecondFactorUnavailableError.
        """
        connection = transaction.connection
        stored = second_factors.lock(connection, account_id)
        if stored is None or not stored.is_enabled:
            raise WrongSecondFactorError
        code = _cleaned(given)
        if _TOTP.fullmatch(code):
            step = self.step_of(stored, code, transaction.now)
            second_factors.use_step(connection, account_id, step)
            return {"second_factor": "totp"}
        if not second_factors.take_recovery_code(connection, account_id, code):
            raise WrongSecondFactorError
        left = second_factors.recovery_codes_left(connection, account_id)
        return {"second_factor": "recovery_code", "recovery_codes_left": str(left)}

    def step_of(self, stored: StoredFactor, given: str, now: datetime.datetime) -> int:
        """Returns the time step whose code is `given`, if neither it nor a later one was used.

        Raises WrongSecondFactorError, SecondFactorUnavailableError.
        """
        if stored.secret is None:
            raise WrongSecondFactorError
        totp = pyotp.TOTP(self._vault().decrypt(stored.secret).decode())
        try:
            step = totp.verify_and_get_timecode(_cleaned(given), for_time=now, valid_window=TOLERATED_STEPS)
        except OTPVerificationError:
            raise WrongSecondFactorError from None
        if step <= stored.last_step:
            raise WrongSecondFactorError
        return step

    def _vault(self) -> Vault:
        if self.vault is None:
            raise SecondFactorUnavailableError
        return self.vault


def uri_of(secret: str, email: str) -> str:
    """Returns the otpauth:// URI of a secret, for a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)


def new_recovery_codes() -> list[str]:
    """Returns new recovery codes as users see them: four groups of four characters, 80 random bits each."""
    texts = (
        base64.b32encode(secrets.token_bytes(RECOVERY_CODE_BYTES)).decode() for _ in range(RECOVERY_CODES)
    )
    return ["-".join(re.findall("....", text.lower())) for text in texts]


def stored_form(recovery_code: str) -> str:
    """Returns the form of a recovery code whose digest is stored."""
    return _cleaned(recovery_code)


def _cleaned(given: str) -> str:
    return re.sub(r"[\s-]", "", given).lower()
