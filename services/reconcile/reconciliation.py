"""Finds where the services' databases contradict each other, and makes them agree.

What any of them knows to have happened has happened: a registration, a redemption, a deletion. A deletion wins over
everything else, and of two redemptions of one code the one that Identity has applied (docs/decisions/0096).
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from services.activation.codes.codes import Code
from services.activation.reconciling.codes import CodesPart, agrees, redemption_of
from services.chassis.code_digest import code_digest
from services.chassis.reconciling.redemption import Redemption
from services.identity.reconciling.accounts import AccountsPart
from services.identity.reconciling.redemptions import KnownCode, RedemptionsPart
from services.notifications.reconciling.following import FollowingPart
from services.reconcile.report import Report
from services.wechat_cookie.reconciling.cookies import CookiesPart


class Follower(Protocol):
    """The part of a service that follows Identity's feed of account changes."""

    def cursor(self) -> int:
        """Returns the position up to which it has followed the feed."""

    def follow_from(self, sequence: int) -> None:
        """Sets the position after which it will follow the feed."""


@dataclass(frozen=True)
class Reconciliation:
    """The parts of the services, in one open transaction of each database."""

    accounts: AccountsPart
    redemptions: RedemptionsPart
    codes: CodesPart
    cookies: CookiesPart
    notifications: FollowingPart
    report: Report

    def run(self, *, ends_tokens: bool) -> None:
        """Writes what makes the databases agree, and reports it. A repeat finds nothing."""
        head = self.accounts.feed_head()
        self._delete_accounts()
        for part in (self.codes, self.cookies):
            for owners in part.owners():
                self._find_accounts(owners)
        self._compare_with_identity()
        self._compare_with_activation()
        self._remove_used_codes()
        for name, follower in self._followers.items():
            # Else changes with these sequences would be skipped. Up to the head, everything agrees now.
            if follower.cursor() > head:
                follower.follow_from(head)
                self.report.found("feed cursor of", name, "AHEAD_OF_FEED")
        if not self.accounts.has_admin():
            self.report.found("accounts", "", "NO_ADMIN")
        if ends_tokens:
            self.accounts.end_tokens()

    @property
    def _followers(self) -> Mapping[str, Follower]:
        return {
            "Activation": self.codes,
            "WeChatCookie": self.cookies,
            "Notifications": self.notifications,
        }

    def _delete_accounts(self) -> None:
        for part in (self.codes, self.cookies):
            for ids in part.deleted_accounts():
                for account_id in self.accounts.emails(ids):
                    is_deleted = self.accounts.delete(account_id)
                    kind = "DELETED_ELSEWHERE" if is_deleted else "LAST_ADMIN"
                    self.report.found("account", account_id, kind)

    def _find_accounts(self, owners: Mapping[uuid.UUID, str]) -> None:
        missing = owners.keys() - self.accounts.emails(owners.keys()).keys()
        if not missing:
            return
        deleted = self.accounts.deleted(missing) | self.codes.deleted(missing) | self.cookies.deleted(missing)
        for account_id in sorted(missing):
            if account_id in deleted:
                self.codes.delete_of(account_id)
                self.cookies.delete_of(account_id)
                self.report.found("account", account_id, "ACCOUNT_DELETED")
            elif self.accounts.create_again(account_id, owners[account_id]):
                self.report.found("account", account_id, "ACCOUNT_LOST")
            else:
                self.codes.revoke_of(account_id)
                self.cookies.delete_of(account_id)
                self.report.found("account", account_id, "EMAIL_TAKEN")

    def _compare_with_identity(self) -> None:
        for page in self.redemptions.every():
            stored = self.codes.known([known.activation_code for known in page])
            missing = [known.activation_code for known in page if known.activation_code not in stored]
            deleted = self.codes.deleted_codes(missing) if missing else ()
            for known in page:
                is_deleted = known.activation_code in deleted
                self._follow_identity(known, stored.get(known.activation_code), is_deleted=is_deleted)

    def _follow_identity(self, known: KnownCode, code: Code | None, *, is_deleted: bool) -> None:
        if known.redemption is None:
            if code is not None:
                self.codes.delete(code)
                self.report.found("code", code.id, "CODE_CLEARED")
        elif code is None and is_deleted:
            self.redemptions.clear(known.activation_code)
            self.report.found("code of account", known.redemption.account_id, "CODE_DELETED")
        elif code is None:
            self.report.found("code", self.codes.create(known.redemption), "CODE_LOST")
        elif not agrees(code, known.redemption, is_exact=known.is_exact):
            self.codes.redeem(code, known.redemption)
            kind = "NOT_REDEEMED" if code.account_id is None else "OTHER_REDEMPTION"
            self.report.found("code", code.id, kind)

    def _compare_with_activation(self) -> None:
        missing: list[tuple[Redemption, Code]] = []
        for page in self.codes.every(redeemed=True):
            known = self.redemptions.known([code.activation_code for code in page])
            missing += [(redemption_of(code), code) for code in page if code.activation_code not in known]
        # What a code that adds days gives depends on those before it.
        for redemption, code in sorted(missing, key=lambda one: one[0].redeemed_time):
            end, is_applied = self.redemptions.apply(redemption)
            if end is not None and end != redemption.expired_time:
                self.codes.redeem(code, replace(redemption, expired_time=end))
            self.report.found("code", code.id, "NOT_APPLIED" if is_applied else "NOT_APPLIED_REVOKED")

    def _remove_used_codes(self) -> None:
        used = self.redemptions.digests_of_deleted_accounts()
        if not used:
            return
        for page in self.codes.every(redeemed=False):
            for code in page:
                if code_digest(code.activation_code) in used:
                    self.codes.delete(code)
                    self.report.found("code", code.id, "USED_BY_DELETED")
