"""Every unary RPC as a repeatable call, with the data that it consumes prepared beforehand."""

import datetime
import itertools
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from google.protobuf.timestamp_pb2 import Timestamp

from bench.accounts import Accounts
from bench.bench import PASSWORD
from bench.codes import make_codes
from bench.cookie_jars import give_avatar, save_cookies
from bench.data import ACTIVE_OWNER, account_id
from deploy.local.stack import LocalStack
from fastmp.activation.v1 import activation_service_pb2 as activation
from fastmp.activation.v1 import activation_service_pb2_grpc as activation_grpc
from fastmp.audit.v1 import audit_pb2 as audit
from fastmp.identity.v1 import identity_service_pb2 as identity
from fastmp.identity.v1 import identity_service_pb2_grpc as identity_grpc
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2 as cookie
from fastmp.wechat_cookie.v1 import wechat_cookie_service_pb2_grpc as cookie_grpc
from services.chassis.channels import channel
from tests.support.direct_calls import bearer
from tests.support.ready_accounts import ReadyAccount

# More than the number of calls of each RPC.
SUPPLY = 40
COOKIES_EACH = 3

SPENDING_PEOPLE = (
    "Login",
    "Logout",
    "ChangePassword",
    "GetUser",
    "UpdateUser",
    "DeleteUser",
    "ApplyActivation",
    "ClearActivation",
)
SPENDING_CODES = ("Activate", "GetCode", "PreviewActivation", "UpdateCode", "RevokeCode", "DeleteCode")

# Prepares the data of one call and returns the call.
Prepare = Callable[[], Callable[[], object]]


class Callers:
    """Stubs of one stack's services, with accounts, codes and cookies for the calls."""

    def __init__(self, stack: LocalStack, accounts: Accounts) -> None:
        self.stack = stack
        self.accounts = accounts
        self.admin = accounts.admin()
        self.owners = accounts.active(SUPPLY)
        save_cookies(stack.database_url("wechat_cookie"), self.owners, COOKIES_EACH)
        self._held = ExitStack()
        self.identity = identity_grpc.IdentityServiceStub(self._channel("identity", "gateway"))
        self.internal = identity_grpc.IdentityServiceStub(self._channel("identity", "activation"))
        self.activation = activation_grpc.ActivationServiceStub(self._channel("activation", "gateway"))
        self.cookie = cookie_grpc.WeChatCookieServiceStub(self._channel("wechat_cookie", "gateway"))
        self.collector = cookie_grpc.WeChatCookieServiceStub(self._channel("wechat_cookie", "collector"))

    def _channel(self, service: str, certificate: str) -> Any:
        made = channel(self.stack.addresses(service)[0], service, self.stack.tls_files(certificate))
        self._held.callback(made.close)
        return made

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def codes(self) -> "itertools.cycle[str]":
        """Creates pending codes, each to be used once."""
        return itertools.cycle(make_codes(self.stack.database_url("activation"), SUPPLY))

    def people(self) -> "itertools.cycle[ReadyAccount]":
        """Creates accounts that have not redeemed a code, each to be used once."""
        return itertools.cycle(self.accounts.pending(SUPPLY))


def rpcs(callers: Callers) -> Mapping[str, Prepare]:
    """Returns the calls by name, without streams and VerifyAuditLog, whose cost depends on the log's size."""
    return {**_identity(callers), **_activation(callers), **_wechat_cookie(callers)}


def _identity(callers: Callers) -> dict[str, Prepare]:
    stub, internal, admin = callers.identity, callers.internal, bearer(callers.admin.token)
    people = {name: callers.people() for name in SPENDING_PEOPLE}
    until = Timestamp()
    until.FromDatetime(datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=30))
    me = bearer(callers.owners[0].token)
    page = stub.ListUsers(identity.ListUsersRequest(size=50), metadata=admin).next_page_token

    def new_email() -> str:
        return f"{uuid.uuid4().hex}@example.com"

    def register() -> Callable[[], object]:
        request = identity.RegisterRequest(email=new_email(), password=PASSWORD)
        return lambda: stub.Register(request)

    def create() -> Callable[[], object]:
        request = identity.CreateUserRequest(email=new_email(), password=PASSWORD, role="user")
        return lambda: stub.CreateUser(request, metadata=admin)

    def login() -> Callable[[], object]:
        request = identity.LoginRequest(email=next(people["Login"]).email, password=PASSWORD)
        return lambda: stub.Login(request)

    def logout() -> Callable[[], object]:
        token = bearer(next(people["Logout"]).token)
        return lambda: stub.Logout(identity.LogoutRequest(), metadata=token)

    def change_password() -> Callable[[], object]:
        token = bearer(next(people["ChangePassword"]).token)
        request = identity.ChangePasswordRequest(old_password=PASSWORD, new_password=PASSWORD + "!")
        return lambda: stub.ChangePassword(request, metadata=token)

    def update() -> Callable[[], object]:
        request = identity.UpdateUserRequest(
            user_id=next(people["UpdateUser"]).id, activation_status="active"
        )
        return lambda: stub.UpdateUser(request, metadata=admin)

    def delete() -> Callable[[], object]:
        request = identity.DeleteUserRequest(user_id=next(people["DeleteUser"]).id)
        return lambda: stub.DeleteUser(request, metadata=admin)

    def get() -> Callable[[], object]:
        request = identity.GetUserRequest(user_id=next(people["GetUser"]).id)
        return lambda: stub.GetUser(request, metadata=admin)

    def apply() -> Callable[[], object]:
        person = next(people["ApplyActivation"])
        request = identity.ApplyActivationRequest(
            account_id=person.id, activation_code=uuid.uuid4().hex, expired_time=until
        )
        return lambda: internal.ApplyActivation(request)

    def clear() -> Callable[[], object]:
        person, code = next(people["ClearActivation"]), uuid.uuid4().hex
        internal.ApplyActivation(
            identity.ApplyActivationRequest(account_id=person.id, activation_code=code, expired_time=until)
        )
        return lambda: internal.ClearActivation(identity.ClearActivationRequest(activation_code=code))

    def listing(**wanted: object) -> Prepare:
        request = identity.ListUsersRequest(**wanted)  # type: ignore[arg-type]
        return lambda: lambda: stub.ListUsers(request, metadata=admin)

    link = identity.CreatePasswordLinkRequest(user_id=callers.owners[0].id)
    principals = identity.GetPrincipalsRequest(account_ids=[owner.id for owner in callers.owners])
    asked = identity.AuthenticateRequest(token=callers.owners[1].token)
    return {
        "Register": register,
        "Login": login,
        "GetMe": lambda: lambda: stub.GetMe(identity.GetMeRequest(), metadata=me),
        "Logout": logout,
        "ChangePassword": change_password,
        "ListUsers": listing(),
        "ListUsers by token": listing(page_token=page),
        "ListUsers by e-mail": listing(email=callers.owners[0].email[:12]),
        "GetUser": get,
        "CreateUser": create,
        "UpdateUser": update,
        "DeleteUser": delete,
        "Authenticate": lambda: lambda: internal.Authenticate(asked),
        "GetPrincipals of 40": lambda: lambda: internal.GetPrincipals(principals),
        "ApplyActivation": apply,
        "ClearActivation": clear,
        "CreatePasswordLink": lambda: lambda: stub.CreatePasswordLink(link, metadata=admin),
        "GetOverview of Identity": lambda: (
            lambda: stub.GetOverview(identity.GetOverviewRequest(), metadata=admin)
        ),
        "ListAuditLog of Identity": lambda: (
            lambda: stub.ListAuditLog(audit.ListAuditLogRequest(), metadata=admin)
        ),
    }


def _activation(callers: Callers) -> dict[str, Prepare]:
    stub, admin = callers.activation, bearer(callers.admin.token)
    codes = {name: callers.codes() for name in SPENDING_CODES}
    people = callers.people()
    page = stub.ListCodes(activation.ListCodesRequest(size=50), metadata=admin).next_page_token

    def activate() -> Callable[[], object]:
        request = activation.ActivateRequest(activation_code=next(codes["Activate"]))
        token = bearer(next(people).token)
        return lambda: stub.Activate(request, metadata=token)

    def of_code(method: str, request: Callable[[str], object]) -> Prepare:
        call = getattr(stub, method)

        def prepare() -> Callable[[], object]:
            message = request(next(codes[method]))
            return lambda: call(message, metadata=admin)

        return prepare

    def listing(**wanted: object) -> Prepare:
        request = activation.ListCodesRequest(**wanted)  # type: ignore[arg-type]
        return lambda: lambda: stub.ListCodes(request, metadata=admin)

    generate = activation.GenerateCodesRequest(valid_days=30, count=10)
    return {
        "GenerateCodes of 10": lambda: lambda: stub.GenerateCodes(generate, metadata=admin),
        "Activate": activate,
        "GetCode": of_code("GetCode", lambda code: activation.GetCodeRequest(activation_code=code)),
        "PreviewActivation": of_code(
            "PreviewActivation", lambda code: activation.PreviewActivationRequest(activation_code=code)
        ),
        "GetOverview of Activation": lambda: (
            lambda: stub.GetOverview(activation.GetOverviewRequest(), metadata=admin)
        ),
        "ListBatches": lambda: lambda: stub.ListBatches(activation.ListBatchesRequest(), metadata=admin),
        "UpdateCode": of_code(
            "UpdateCode", lambda code: activation.UpdateCodeRequest(activation_code=code, valid_days=60)
        ),
        "RevokeCode": of_code("RevokeCode", lambda code: activation.RevokeCodeRequest(activation_code=code)),
        "DeleteCode": of_code("DeleteCode", lambda code: activation.DeleteCodeRequest(activation_code=code)),
        "ListCodes": listing(),
        "ListCodes by token": listing(page_token=page),
        "ListCodes by e-mail": listing(email=callers.owners[0].email[:12]),
        "ListAuditLog of Activation": lambda: (
            lambda: stub.ListAuditLog(audit.ListAuditLogRequest(), metadata=admin)
        ),
    }


def _wechat_cookie(callers: Callers) -> dict[str, Prepare]:
    stub, admin = callers.cookie, bearer(callers.admin.token)
    owners = itertools.cycle(callers.owners)
    me = bearer(callers.owners[0].token)
    held = {
        owner.id: [
            one.token
            for one in stub.ListCookies(cookie.ListCookiesRequest(), metadata=bearer(owner.token)).items
        ]
        for owner in callers.owners
    }

    def change() -> Callable[[], object]:
        owner = next(owners)
        request = cookie.ChangeCookieRequest(token=held[owner.id][1])
        held[owner.id].reverse()
        return lambda: stub.ChangeCookie(request, metadata=bearer(owner.token))

    def delete() -> Callable[[], object]:
        owner = next(owners)
        request = cookie.DeleteCookieRequest(token=held[owner.id].pop())
        return lambda: stub.DeleteCookie(request, metadata=bearer(owner.token))

    def begin() -> Callable[[], object]:
        token = bearer(next(owners).token)
        return lambda: stub.BeginLogin(cookie.BeginLoginRequest(inline_qr=False), metadata=token)

    def of_login(method: str, request: Callable[[str], object]) -> Prepare:
        call = getattr(stub, method)

        def prepare() -> Callable[[], object]:
            token = bearer(next(owners).token)
            login = stub.BeginLogin(cookie.BeginLoginRequest(inline_qr=False), metadata=token)
            message = request(login.login_key)
            return lambda: call(message, metadata=token)

        return prepare

    pictured = held[callers.owners[0].id][0]
    give_avatar(callers.stack.database_url("wechat_cookie"), pictured)
    avatar = cookie.GetAvatarRequest(token=pictured)
    collector = callers.collector
    # A generated cookie, whose jar can be decrypted: that of the first active account.
    wanted = cookie.AcquireCookieRequest(owner_id=str(account_id(ACTIVE_OWNER)))

    def report() -> Callable[[], object]:
        acquired = collector.AcquireCookie(wanted).acquisition_id
        request = cookie.ReportCookieRequest(acquisition_id=acquired, outcome="ok")
        return lambda: collector.ReportCookie(request)

    return {
        "AcquireCookie": lambda: lambda: collector.AcquireCookie(wanted),
        "ReportCookie": report,
        "GetAvatar": lambda: lambda: stub.GetAvatar(avatar, metadata=me),
        "ListCookies": lambda: lambda: stub.ListCookies(cookie.ListCookiesRequest(), metadata=me),
        "GetCurrentCookie": lambda: (
            lambda: stub.GetCurrentCookie(cookie.GetCurrentCookieRequest(), metadata=me)
        ),
        "GetOverview of WeChatCookie": lambda: (
            lambda: stub.GetOverview(cookie.GetOverviewRequest(), metadata=admin)
        ),
        "ListAuditLog of WeChatCookie": lambda: (
            lambda: stub.ListAuditLog(audit.ListAuditLogRequest(), metadata=admin)
        ),
        "BeginLogin": begin,
        "PollLogin": of_login("PollLogin", lambda key: cookie.PollLoginRequest(login_key=key)),
        "CancelLogin": of_login("CancelLogin", lambda key: cookie.CancelLoginRequest(login_key=key)),
        "ChangeCookie": change,
        "DeleteCookie": delete,
    }
