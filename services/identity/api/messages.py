"""Conversion of results to messages of the contract."""

import base64
import datetime
from collections.abc import Iterator, Sequence

from fastmp.identity.v1 import identity_service_pb2 as pb
from services.chassis.identity.principals import AuthenticatedToken, Principal
from services.chassis.identity.statuses import ACTIVE
from services.chassis.pages import page_token
from services.identity.accounts.accounts import Account
from services.identity.accounts.activations import Applied
from services.identity.accounts.listing import AccountPage
from services.identity.accounts.overview import Overview
from services.identity.feed.changes import Change
from services.identity.feed.watch import Heartbeat
from services.identity.sign_in.authentication import principal_of
from services.identity.sign_in.enrolment import NewSecret
from services.identity.sign_in.password_reset import PasswordLink


def caller_account(principal: Principal, now: datetime.datetime) -> pb.Account:
    """Returns the account of a caller, with its status at `now`."""
    message = pb.Account(
        id=principal.account_id,
        email=principal.email,
        role=principal.role,
        activation_status=principal.effective_status(now),
    )
    if principal.expired_time is not None:
        message.expired_time.FromDatetime(principal.expired_time)
    if principal.has_second_factor:
        message.has_second_factor = True
    return message


def account(stored: Account, now: datetime.datetime) -> pb.Account:
    """Returns an account, with its status at `now`."""
    return caller_account(principal_of(stored), now)


def accounts_page(page: AccountPage, number: int, size: int, now: datetime.datetime) -> pb.ListUsersResponse:
    """Returns a page of accounts; `number` is 0 if the page was requested by token."""
    message = pb.ListUsersResponse(
        items=[account(item, now) for item in page.items], total=page.total, page=number, size=size
    )
    if page.next_position is not None:
        message.next_page_token = page_token(page.next_position)
    return message


def overview(counts: Overview) -> pb.AccountOverview:
    """Returns the answer of GetOverview."""
    return pb.AccountOverview(
        accounts=pb.AccountCounts(
            pending=counts.pending,
            active=counts.active,
            expired=counts.expired,
            revoked=counts.revoked,
            admins=counts.admins,
        ),
        lapsing_in_7_days=counts.lapsing_in_7_days,
        lapsing_in_30_days=counts.lapsing_in_30_days,
        sign_ins=[pb.SignInCount(day=day.isoformat(), count=count) for day, count in counts.sign_ins],
    )


def new_secret(made: NewSecret) -> pb.EnrollTotpResponse:
    """Returns the answer of EnrollTotp."""
    picture = base64.b64encode(made.picture).decode()
    return pb.EnrollTotpResponse(secret=made.secret, uri=made.uri, qrcode_base64=picture)


def password_link(link: PasswordLink) -> pb.CreatePasswordLinkResponse:
    """Returns the answer of CreatePasswordLink."""
    message = pb.CreatePasswordLinkResponse(url=link.url)
    message.expire_time.FromDatetime(link.expire_time)
    return message


def principal(known: Principal) -> pb.Principal:
    """Returns a principal."""
    message = pb.Principal(
        account_id=known.account_id,
        email=known.email,
        role=known.role,
        activation_status=known.activation_status,
        lacks_second_factor=known.lacks_second_factor,
    )
    if known.expired_time is not None:
        message.expired_time.FromDatetime(known.expired_time)
    if known.tokens_valid_after is not None:
        message.tokens_valid_after = known.tokens_valid_after
    return message


def authenticated(token: AuthenticatedToken) -> pb.AuthenticateResponse:
    """Returns the answer of Authenticate."""
    message = pb.AuthenticateResponse(principal=principal(token.principal), sequence=token.sequence)
    message.token_expire_time.FromDatetime(token.expire_time)
    return message


def applied(what: Applied) -> pb.ApplyActivationResponse:
    """Returns the answer of ApplyActivation."""
    message = pb.ApplyActivationResponse(email=what.email, activation_status=ACTIVE)
    if what.expired_time is not None:
        message.expired_time.FromDatetime(what.expired_time)
    return message


def account_events(event: Sequence[Change] | Heartbeat) -> Iterator[pb.AccountEvent]:
    """Yields the messages for changes, one each, or for a heartbeat."""
    if isinstance(event, Heartbeat):
        yield pb.AccountEvent(sequence=event.sequence, heartbeat=pb.AccountHeartbeat())
    else:
        for one in event:
            yield pb.AccountEvent(sequence=one.sequence, change=_change(one))


def _change(change: Change) -> pb.AccountChange:
    message = pb.AccountChange(account_id=str(change.account_id), kind=change.kind)
    message.time.FromDatetime(change.time)
    return message
