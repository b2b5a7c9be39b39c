"""Models of WeChat's JSON answers, and their validation."""

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.wechat_cookie.mp.errors import (
    ArgumentsInvalidError,
    BadAnswerError,
    CsrfTokenInvalidError,
    RateLimitedError,
    RefusedError,
    RetError,
    SessionInvalidError,
    SystemBusyError,
    VerifyCodeNeededError,
)

_Code = Annotated[int, Field(ge=-(2**31), lt=2**31)]
_Count = Annotated[int, Field(ge=0, lt=2**31)]
_Uin = Annotated[int, Field(ge=0, lt=2**63)]

RATE_LIMITED_RET = 200013
_ERRORS: dict[int, type[RetError]] = {
    -6: SystemBusyError,
    -1: SystemBusyError,
    1: SystemBusyError,
    200002: ArgumentsInvalidError,
    200003: SessionInvalidError,
    200008: VerifyCodeNeededError,
    RATE_LIMITED_RET: RateLimitedError,
    200040: CsrfTokenInvalidError,
}
# The results that have a meaning; WeChat may send any other.
KNOWN_RETS = frozenset({0, *_ERRORS})
# Temporary errors. In the answer to a poll any other `ret` is the state of the pending login, and so is 1
# ("default"): there it means an invalid QR code, and elsewhere a temporary error.
_PASSING = (RateLimitedError, SystemBusyError)
_DEAD_QR_RET = 1


class Wire(BaseModel):
    """Base of everything in an answer of WeChat."""

    # Strict, so that true, "1" and 1.0 are not accepted as 1.
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)


class BaseResp(Wire):
    """WeChat's result code; the HTTP status is 200 also for errors."""

    ret: _Code


class Answer(Wire):
    """The fields of every JSON answer."""

    base_resp: BaseResp

    @property
    def ret(self) -> int:
        """0 is success."""
        return self.base_resp.ret


class StartLoginAnswer(Answer):
    """Answer of `bizlogin?action=startlogin`; newer ones contain the uuid here, too."""

    uuid: Annotated[str, Field(max_length=128)] | None = Field(default=None, repr=False)


class AskAnswer(Answer):
    """Answer of `scanloginqrcode?action=ask`. Only `status` is required, because it determines the outcome."""

    status: _Code
    acct_size: _Count = 0
    user_category: _Code = 0
    binduin: _Uin = 0


class ApprovalAnswer(Answer):
    """Answer of `loginauth?action=ask`."""

    status: _Code


class LoginAnswer(Answer):
    """Answer of `bizlogin?action=login`."""

    redirect_url: Annotated[str, Field(max_length=2048)] | None = Field(default=None, repr=False)


AnswerT = TypeVar("AnswerT", bound=Answer)


def parse(model: type[AnswerT], body: bytes) -> AnswerT:
    """Returns the answer in `body`.

    Raises:
        BadAnswerError: `body` is empty, HTML, or not JSON with the fields and types of `model`.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError:
        # Raised below, outside of this block, so that pydantic's error with the answer's text is not its context.
        pass
    raise BadAnswerError(_shape_of(body))


def error_for(ret: int) -> RetError:
    """Returns the error for a `base_resp.ret` other than 0."""
    return _ERRORS.get(ret, RefusedError)(ret)


def ret_of_pending(body: bytes) -> int:
    """Returns the result in the answer to a poll, where it is the state of the pending login.

    Raises:
        RateLimitedError, SystemBusyError: a temporary error; the pending login may still be valid.
        BadAnswerError: as `parse`.
    """
    ret = parse(Answer, body).ret
    error = error_for(ret)
    if isinstance(error, _PASSING) and ret != _DEAD_QR_RET:
        raise error
    return ret


def refusal_in_json(body: bytes) -> RetError | None:
    """Returns the error of a refusal in JSON instead of an image, or None if it is none."""
    try:
        ret = parse(Answer, body).ret
    except BadAnswerError:
        return None
    return error_for(ret) if ret != 0 else None


def is_page(body: bytes) -> bool:
    """Returns whether an answer that should be JSON is HTML or XML."""
    return body.lstrip()[:1] == b"<"


def _shape_of(body: bytes) -> Literal["empty", "html", "not_as_agreed"]:
    if not body.strip():
        return "empty"
    return "html" if is_page(body) else "not_as_agreed"
