"""The addresses of channels: which are accepted, and how they are stored."""

import datetime
import ipaddress
import json
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email

from services.chassis.language import Localized
from services.chassis.vault import UnreadableSecretError, Vault
from services.chassis.violations import invalid
from services.notifications.sending import apprise_kinds
from services.notifications.sending.addresses import AllowedAddresses
from services.notifications.sending.errors import SecretUnreadableError
from services.notifications.sending.sender import KINDS, MAILTO, WEBHOOK, Target

LIST = ", ".join(KINDS)
NOT_A_KIND = Localized(f"应为以下之一：{'、'.join(KINDS)}", f"must be one of {LIST}")
_NOT_A_URL = Localized(
    "应为 https 网址，不含用户名和 # 片段", "must be an https URL without a user name and a fragment"
)
_NOT_PUBLIC = Localized("应指向公网地址", "must lead to a public address")
_NOT_MAIL = Localized("应为邮箱地址", "must be an e-mail address")
_URL = re.compile(r"https://[\x21-\x7e]+", re.IGNORECASE)


@dataclass(frozen=True)
class Secrets:
    """What is stored of a channel in encrypted form. `keys` are a webhook's secrets, the present one first."""

    address: str = field(repr=False)
    keys: tuple[str, ...] = field(default=(), repr=False)

    def sealed(self, vault: Vault) -> bytes:
        """Returns it encrypted."""
        return vault.encrypt(json.dumps({"address": self.address, "keys": self.keys}).encode())

    @classmethod
    def opened(cls, vault: Vault, sealed: bytes) -> "Secrets":
        """Returns what sealed() has encrypted. Raises SecretUnreadableError if no key decrypts it."""
        try:
            content = json.loads(vault.decrypt(sealed))
        except UnreadableSecretError:
            raise SecretUnreadableError from None
        return cls(content["address"], tuple(content["keys"]))

    def target(
        self, kind: str, previous_secret_until: datetime.datetime | None, now: datetime.datetime
    ) -> Target:
        """Returns where messages go at `now`; the previous secret signs until `previous_secret_until`."""
        both = previous_secret_until is not None and now < previous_secret_until
        return Target(kind, self.address, self.keys if both else self.keys[:1])


def check_kind(kind: str) -> None:
    """Raises InvalidArgumentError, which names the list, if the kind is not on it."""
    if kind not in KINDS:
        raise invalid("kind", NOT_A_KIND)


def checked_address(kind: str, address: str, allowed: AllowedAddresses) -> tuple[str, str]:
    """Returns the address of a channel of this kind and its hint, which may be shown.

    Names are looked up when a message is sent, not here. Raises InvalidArgumentError.
    """
    if kind == WEBHOOK:
        return _webhook(address, allowed)
    if kind == MAILTO:
        return _mail(address)
    scheme = address.partition("://")[0].lower()
    if scheme != kind and scheme not in apprise_kinds.HOSTS:
        expected = Localized(
            f"应以 {kind}:// 开头；可用的类型：{'、'.join(KINDS)}",
            f"must begin with {kind}://; the kinds are {LIST}",
        )
        raise invalid("address", expected)
    if apprise_kinds.plugin(kind, address) is None:
        expected = Localized(
            f"不是有效的 {kind}:// 地址，也不能带 ? 选项",
            f"must be Apprise's address of the kind, {kind}://…, without options after ?",
        )
        raise invalid("address", expected)
    return address, ""


def _webhook(address: str, allowed: AllowedAddresses) -> tuple[str, str]:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise invalid("address", _NOT_A_URL) from None
    is_url = _URL.fullmatch(address) and host and port != 0
    if not is_url or "#" in address or "@" in parts.netloc or "\\" in address or host is None:
        raise invalid("address", _NOT_A_URL)
    if _looks_like_ip(host) and not allowed.allows(host):
        raise invalid("address", _NOT_PUBLIC)
    return address, host


def _looks_like_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # Other forms of IPv4 addresses, such as 0x7f.1, which the system's resolver understands.
        return re.fullmatch(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*\.?", host) is not None
    return True


def _mail(address: str) -> tuple[str, str]:
    try:
        checked = validate_email(address, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        raise invalid("address", _NOT_MAIL) from None
    return checked.normalized, checked.domain
