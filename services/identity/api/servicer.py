"""The RPCs of IdentityService."""

import datetime
import threading
from collections.abc import Callable, Iterator

import grpc

from fastmp.identity.v1 import identity_service_pb2 as pb
from fastmp.identity.v1 import identity_service_pb2_grpc as pb_grpc
from services.chassis import context as calls
from services.chassis.audit.api import AuditReader, AuditRpcs
from services.chassis.identity.statuses import USER_ROLE
from services.chassis.pages import position_of
from services.chassis.postgres.database import Database
from services.chassis.throttling.client_networks import caller_network
from services.chassis.validation import parse
from services.identity.accounts import accounts
from services.identity.accounts.accounts import AccountUpdate
from services.identity.accounts.activations import Activations
from services.identity.accounts.administration import Administration
from services.identity.accounts.listing import AccountFilter
from services.identity.api import messages, requests
from services.identity.feed.watch import FeedWatches
from services.identity.sign_in.authentication import TokenAuthentication
from services.identity.sign_in.enrolment import Enrolment
from services.identity.sign_in.password_reset import PasswordReset
from services.identity.sign_in.sign_in import SignIn
from services.identity.sign_in.throttle import SignInThrottle


class IdentityServicer(AuditRpcs, pb_grpc.IdentityServiceServicer):
    """Implements IdentityService. The contract of each method is its comment in the proto."""

    def __init__(
        self,
        database: Database,
        activations: Activations,
        administration: Administration,
        sign_in: SignIn,
        password_reset: PasswordReset,
        enrolment: Enrolment,
        throttle: SignInThrottle,
        authentication: TokenAuthentication,
        watches: FeedWatches,
        audit_reader: AuditReader,
        now: Callable[[], datetime.datetime],
    ) -> None:
        self._database = database
        self._activations = activations
        self._administration = administration
        self._sign_in = sign_in
        self._password_reset = password_reset
        self._enrolment = enrolment
        self._throttle = throttle
        self._authentication = authentication
        self._watches = watches
        self.audit_reader = audit_reader
        self._now = now

    def Register(self, request: pb.RegisterRequest, _context: grpc.ServicerContext) -> pb.Account:
        values = parse(requests.RegisterValues, request)
        self._throttle.registration(calls.current().client_address)
        made = self._administration.create(values.email, values.password, USER_ROLE, caller_network())
        return messages.account(made, self._now())

    def Login(self, request: pb.LoginRequest, _context: grpc.ServicerContext) -> pb.LoginResponse:
        values = parse(requests.LoginValues, request)
        token = self._sign_in.sign_in(
            values.email, values.password, values.totp, calls.current().client_address
        )
        return pb.LoginResponse(access_token=token, token_type="bearer")  # noqa: S106 - No password.

    def GetMe(self, _request: pb.GetMeRequest, _context: grpc.ServicerContext) -> pb.Account:
        return messages.caller_account(calls.caller(), self._now())

    def Logout(self, _request: pb.LogoutRequest, _context: grpc.ServicerContext) -> pb.LogoutResponse:
        self._sign_in.sign_out(calls.caller_id())
        return pb.LogoutResponse(status="ok")

    def ChangePassword(
        self, request: pb.ChangePasswordRequest, _context: grpc.ServicerContext
    ) -> pb.ChangePasswordResponse:
        values = parse(requests.ChangePasswordValues, request)
        self._sign_in.change_password(
            calls.caller_id(), values.old_password, values.new_password, calls.current().client_address
        )
        return pb.ChangePasswordResponse(status="ok")

    def EnrollTotp(
        self, _request: pb.EnrollTotpRequest, _context: grpc.ServicerContext
    ) -> pb.EnrollTotpResponse:
        return messages.new_secret(self._enrolment.enrol(calls.caller_id(), calls.caller().email))

    def ConfirmTotp(
        self, request: pb.ConfirmTotpRequest, _context: grpc.ServicerContext
    ) -> pb.ConfirmTotpResponse:
        values = parse(requests.ConfirmTotpValues, request)
        codes = self._enrolment.confirm(calls.caller_id(), values.totp, calls.current().client_address)
        return pb.ConfirmTotpResponse(recovery_codes=codes)

    def DisableTotp(
        self, request: pb.DisableTotpRequest, _context: grpc.ServicerContext
    ) -> pb.DisableTotpResponse:
        values = parse(requests.DisableTotpValues, request)
        self._enrolment.disable(
            calls.caller_id(), values.password, values.totp, calls.current().client_address
        )
        return pb.DisableTotpResponse(status="ok")

    def ResetPassword(
        self, request: pb.ResetPasswordRequest, _context: grpc.ServicerContext
    ) -> pb.ResetPasswordResponse:
        values = parse(requests.ResetPasswordValues, request)
        self._password_reset.reset(values.ticket, values.new_password, calls.current().client_address)
        return pb.ResetPasswordResponse(status="ok")

    def ListUsers(self, request: pb.ListUsersRequest, _context: grpc.ServicerContext) -> pb.ListUsersResponse:
        values = parse(requests.ListUsersValues, request)
        wanted = AccountFilter(values.email, values.role, values.activation_status)
        after = None if values.page_token is None else position_of(values.page_token)
        number = 0 if after else values.page or 1
        offset = (number - 1) * values.size if number else 0
        page = self._administration.list(wanted, values.size, after, offset)
        return messages.accounts_page(page, number, values.size, self._now())

    def GetOverview(
        self, _request: pb.GetOverviewRequest, _context: grpc.ServicerContext
    ) -> pb.AccountOverview:
        return messages.overview(self._administration.overview())

    def GetUser(self, request: pb.GetUserRequest, _context: grpc.ServicerContext) -> pb.Account:
        values = parse(requests.AccountValues, request)
        return messages.account(self._administration.get(values.user_id), self._now())

    def CreateUser(self, request: pb.CreateUserRequest, _context: grpc.ServicerContext) -> pb.Account:
        values = parse(requests.CreateUserValues, request)
        made = self._administration.create(values.email, values.password, values.role)
        return messages.account(made, self._now())

    def UpdateUser(self, request: pb.UpdateUserRequest, _context: grpc.ServicerContext) -> pb.Account:
        values = parse(requests.UpdateUserValues, request)
        new = AccountUpdate(
            role=values.role,
            activation_status=values.activation_status,
            expired_time=values.expired_time,
        )
        changed = self._administration.change(values.user_id, new, values.password)
        return messages.account(changed, self._now())

    def DeleteUser(
        self, request: pb.DeleteUserRequest, _context: grpc.ServicerContext
    ) -> pb.DeleteUserResponse:
        values = parse(requests.AccountValues, request)
        self._administration.remove(values.user_id)
        return pb.DeleteUserResponse(status="ok")

    def CreatePasswordLink(
        self, request: pb.CreatePasswordLinkRequest, _context: grpc.ServicerContext
    ) -> pb.CreatePasswordLinkResponse:
        values = parse(requests.AccountValues, request)
        return messages.password_link(self._password_reset.create_link(values.user_id, calls.caller_id()))

    def Authenticate(
        self, request: pb.AuthenticateRequest, _context: grpc.ServicerContext
    ) -> pb.AuthenticateResponse:
        values = parse(requests.AuthenticateValues, request)
        return messages.authenticated(self._authentication.authenticate(values.token))

    def GetPrincipals(
        self, request: pb.GetPrincipalsRequest, _context: grpc.ServicerContext
    ) -> pb.GetPrincipalsResponse:
        values = parse(requests.GetPrincipalsValues, request)
        with self._database.reading() as connection:
            sequence, found = accounts.existing(connection, values.account_ids, values.email)
            # Read after the sequence, so they are at least as new.
            if values.after_account_id is not None:
                found += accounts.following(connection, values.after_account_id)
        principals = [messages.principal(self._authentication.principal(account)) for account in found]
        return pb.GetPrincipalsResponse(principals=principals, sequence=sequence)

    def WatchAccounts(
        self, request: pb.WatchAccountsRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.AccountEvent]:
        values = parse(requests.WatchAccountsValues, request)
        wake = threading.Event()
        context.add_callback(wake.set)
        for event in self._watches.watch(values.after_sequence, wake, context.is_active):
            yield from messages.account_events(event)

    def ApplyActivation(
        self, request: pb.ApplyActivationRequest, _context: grpc.ServicerContext
    ) -> pb.ApplyActivationResponse:
        values = parse(requests.ApplyActivationValues, request)
        applied = self._activations.apply(
            values.account_id, values.activation_code, values.grant, values.redeemed_time
        )
        return messages.applied(applied)

    def ClearActivation(
        self, request: pb.ClearActivationRequest, _context: grpc.ServicerContext
    ) -> pb.ClearActivationResponse:
        values = parse(requests.ClearActivationValues, request)
        return pb.ClearActivationResponse(cleared=self._activations.clear(values.activation_code))
