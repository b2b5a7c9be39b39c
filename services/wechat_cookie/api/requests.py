"""The validation of requests."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from services.chassis.language import Localized
from services.chassis.validation import Id, Text, Values, matching
from services.chassis.violations import InvalidValueError
from services.wechat_cookie.mp.data_answers import MOST_PER_PAGE

_ONE_OWNER = Localized("owner_id 和 owner_email 应只给出一个", "give either owner_id or owner_email")
_HEX_DIGITS = Localized(
    "应为 32 个字符，只含数字和字母 a–f", "must be 32 characters, only digits and letters a–f"
)
# The token is used as a folder's name, so it has ASCII digits only: \d would allow those of other scripts.
Token = Annotated[str, matching("[0-9]{1,20}", Localized("应为 1 到 20 位数字", "must be 1 to 20 digits"))]
_BASE64 = Localized("应为 1 到 64 个字符的公众号标识", "must be an id of 1 to 64 characters")
FakeId = Annotated[str, matching("[0-9A-Za-z_=+/-]{1,64}", _BASE64)]
LoginKey = Annotated[str, matching("[0-9a-f]{32}", _HEX_DIGITS)]


class BeginValues(Values):
    """The validated fields of BeginLogin."""

    inline_qr: bool = True
    wait_seconds: int = 0


class KeyValues(Values):
    """The validated fields of PollLogin and CancelLogin."""

    login_key: LoginKey


class WatchValues(Values):
    """The validated fields of WatchLogin."""

    login_key: LoginKey
    after_sequence: Annotated[int, Field(ge=0)] = 0


class TokenValues(Values):
    """The validated fields of ChangeCookie, DeleteCookie and GetAvatar."""

    token: Token


class AcquireValues(Values):
    """The validated fields of AcquireCookie."""

    owner_id: Id | None = None
    owner_email: Annotated[Text, Field(min_length=3, max_length=254)] | None = None
    token: Token | None = None

    @model_validator(mode="after")
    def _names_an_owner(self) -> Self:
        if (self.owner_id is None) == (self.owner_email is None):
            raise InvalidValueError(_ONE_OWNER)
        return self


class ReportValues(Values):
    """The validated fields of ReportCookie."""

    acquisition_id: Id
    outcome: Literal["ok", "dead", "rate_limited", "error"]


class SearchValues(Values):
    """The validated fields of SearchOfficialAccounts."""

    owner_id: Id
    query: Annotated[Text, Field(min_length=1, max_length=100)]
    begin: Annotated[int, Field(ge=0, le=10_000)] = 0
    count: Annotated[int, Field(ge=1, le=MOST_PER_PAGE)] = 5


class ArticlesValues(Values):
    """The validated fields of ListPublishedArticles."""

    owner_id: Id
    fakeid: FakeId
    begin: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    count: Annotated[int, Field(ge=1, le=MOST_PER_PAGE)] = 5
