"""Invented official accounts."""

import base64
import hashlib
from dataclasses import dataclass

# The second one tests unescaping of the home page, the third text beyond the basic plane.
DEFAULT_NAMES = ("青禾读书会", "山茶 & “晚风”日报", "春山🌿书店", "北岸科技观察", "小城菜谱")

MESSAGES = 23
MOST_MESSAGES = 10_000

_FIRST_WORDS = ("云杉", "拾光", "南枝", "听雨", "白鹭", "半夏", "远山", "星河", "木棉", "青石")
_LAST_WORDS = ("笔记", "周刊", "茶话", "书局", "来信", "观察", "课堂", "手账")


class AccountConflictError(Exception):
    """The name or the original id belongs to another account."""


@dataclass(slots=True)
class Account:
    """One official account. `original_id` is `gh_` + 12 hex digits, `bizuin` has 10 digits.

    `messages` is the number of messages that it has published, each with one to three articles.
    """

    name: str
    original_id: str
    bizuin: int
    alias: str
    head_image: str
    messages: int = MESSAGES

    @property
    def fakeid(self) -> str:
        """The id that searchbiz returns and appmsgpublish accepts: the bizuin in base64."""
        return base64.b64encode(str(self.bizuin).encode()).decode()


class AccountBook:
    """All accounts by name: the default ones, those named by a test, and those invented for scans."""

    def __init__(self) -> None:
        self._by_name: dict[str, Account] = {}
        self._by_original_id: dict[str, Account] = {}
        self._invented = 0
        self._namesakes = 0
        for name in DEFAULT_NAMES:
            self.named(name)

    def named(self, name: str) -> Account:
        """Returns the account with this name; invents it if it does not exist."""
        return self._by_name.get(name) or self.add(name)

    def add(
        self,
        name: str,
        original_id: str | None = None,
        bizuin: int | None = None,
        head_image: str | None = None,
        alias: str | None = None,
        messages: int | None = None,
    ) -> Account:
        """Returns an account with these values; those left out are derived from the name, the same in every run.

        Raises AccountConflictError if the name exists with other values, or the original id under another name, and
        ValueError for an impossible number of messages.
        """
        digest = hashlib.sha256(name.encode()).digest()
        known = self._by_name.get(name)
        if known is not None:
            given = (original_id, bizuin, head_image, alias, messages)
            facts = (known.original_id, known.bizuin, known.head_image, known.alias, known.messages)
            if any(new not in {None, old} for new, old in zip(given, facts, strict=True)):
                raise AccountConflictError(f"{name} exists with other facts")
            return known
        identity = original_id or "gh_" + digest[:6].hex()
        if identity in self._by_original_id:
            raise AccountConflictError(f"{identity} is {self._by_original_id[identity].name}")
        account = Account(
            name,
            identity,
            bizuin or 3_000_000_000 + int.from_bytes(digest[6:10]) % 999_999_999,
            "fast" + digest[10:14].hex() if alias is None else alias,
            head_image or f"/mmhead/{identity}/0",
            checked_messages(MESSAGES if messages is None else messages),
        )
        self._by_name[name] = self._by_original_id[identity] = account
        return account

    def add_namesake(self, name: str) -> Account:
        """Returns a new account with the same name as others, and an id of its own.

        It can be searched for, but a scan that names this name chooses the first account.
        """
        self._namesakes += 1
        other = f"{name} {self._namesakes}"
        account = self.add(other)
        del self._by_name[other]
        account.name = name
        self._by_name.setdefault(name, account)
        return account

    def fresh(self) -> Account:
        """Returns a new invented account."""
        while True:
            number = self._invented
            self._invented += 1
            first = _FIRST_WORDS[number % len(_FIRST_WORDS)]
            last = _LAST_WORDS[number // len(_FIRST_WORDS) % len(_LAST_WORDS)]
            name = f"{first}{last}{number + 1:04d}"
            if name not in self._by_name:
                return self.add(name)

    def by_original_id(self, original_id: str) -> Account | None:
        """Returns the account, or None."""
        return self._by_original_id.get(original_id)

    def by_fakeid(self, fakeid: str) -> Account | None:
        """Returns the account, or None."""
        return next((account for account in self.all() if account.fakeid == fakeid), None)

    def all(self) -> list[Account]:
        """Returns all accounts in the order in which they were added."""
        return list(self._by_original_id.values())


def checked_messages(messages: int) -> int:
    """Returns the number of messages. Raises ValueError if it is impossible."""
    if not 0 <= messages <= MOST_MESSAGES:
        raise ValueError(f"an account has at most {MOST_MESSAGES} messages")
    return messages
