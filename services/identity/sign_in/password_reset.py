"""Password links: an admin creates one, and its holder sets a new password with it, once and within a day."""

import datetime
import secrets
import uuid
from dataclasses import dataclass, field

import grpc

from services.chassis.audit.recording import Event
from services.chassis.errors import DomainError
from services.chassis.language import Localized
from services.chassis.postgres.database import Database
from services.chassis.throttling.client_networks import network_of
from services.identity.accounts import accounts, password_links
from services.identity.accounts.accounts import AccountNotFoundError, AccountUpdate
from services.identity.accounts.transactions import AccountTransactions
from services.identity.passwords.hashing import PasswordHashing
from services.identity.sign_in.throttle import SignInThrottle

LIFETIME = datetime.timedelta(hours=24)
TICKET_BYTES = 32
ACTION = "password_reset_with_link"
# The page is selected by the fragment, which browsers send to no server: a ticket is in no access log.
PAGE = "/#/new-password/"


class PasswordLinkInvalidError(DomainError):
    """The ticket is unknown, used, replaced or too old; which one is not revealed."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "PASSWORD_LINK_INVALID"
    message = Localized(
        "链接无效或已失效，请联系管理员重新获取",
        "The link is not valid or no longer works; ask an administrator for a new one",
    )


@dataclass(frozen=True)
class PasswordLink:
    """A new link. Its URL contains the ticket, which is stored nowhere."""

    url: str = field(repr=False)
    expire_time: datetime.datetime


@dataclass(frozen=True)
class PasswordReset:
    """The rules of password links. Thread-safe."""

    database: Database
    transactions: AccountTransactions
    passwords: PasswordHashing
    throttle: SignInThrottle
    # The gateway's address as users reach it, without a slash at the end; if empty, URLs are relative to it.
    # It is a setting and not the request's host name, because callers choose that.
    public_url: str

    def create_link(self, account_id: uuid.UUID, admin_id: uuid.UUID) -> PasswordLink:
        """Creates a link for the account, in place of its previous one. Raises AccountNotFoundError."""
        ticket = secrets.token_urlsafe(TICKET_BYTES)
        with self.transactions.begin() as transaction:
            if not accounts.lock(transaction.connection, account_id):
                raise AccountNotFoundError
            expire_time = transaction.now + LIFETIME
            password_links.put(
                transaction.connection, account_id, ticket, admin_id, transaction.now, expire_time
            )
            details = {"expired_time": expire_time.isoformat()}
            transaction.record(Event("password_link_created", str(account_id), details=details))
        return PasswordLink(f"{self.public_url}{PAGE}{ticket}", expire_time)

    def reset(self, ticket: str, new: str, address: str) -> None:
        """Sets the password of the ticket's account and ends all its tokens. `address` is the caller's IP address.

        Wrong passwords that were counted for the account no longer block it. Raises PasswordLinkInvalidError,
        PasswordResetThrottledError, HashingBusyError.
        """
        with self.throttle.reset(network_of(address), PasswordLinkInvalidError):
            try:
                self._reset(ticket, new, network_of(address))
            except PasswordLinkInvalidError:
                with self.transactions.begin() as transaction:
                    transaction.record(Event(ACTION, outcome=PasswordLinkInvalidError.reason))
                raise

    def _reset(self, ticket: str, new: str, network: str) -> None:
        with self.transactions.begin() as transaction:
            # Avoids hashing for a wrong ticket; take() decides.
            account_id = password_links.find(transaction.connection, ticket, transaction.now)
        if account_id is None:
            raise PasswordLinkInvalidError
        with self.passwords.turn() as hasher:
            update = AccountUpdate(password_hash=hasher.hash(new))
        with self.transactions.begin() as transaction:
            connection = transaction.connection
            # The account before its link, in the order in which its deletion locks them.
            is_there = accounts.lock(connection, account_id)
            if not is_there or not password_links.take(connection, ticket, transaction.now):
                raise PasswordLinkInvalidError
            changed = accounts.change(transaction, account_id, update, ACTION, actor=str(account_id))
            self.throttle.forgive(connection, changed.email, network)
