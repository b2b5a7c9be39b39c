"""The specification of a fault: the requests it affects, its effect, and how often it occurs."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

FaultKind = Literal[
    "delay",
    "drop",
    "reset",
    "answer",
    "status",
    "html",
    "empty",
    "garbage",
    "truncated",
    "cut_short",
    "huge",
    "gzip_bomb",
    "deep_json",
    "drip",
    "redirect",
    "not_http",
]


class InvalidFaultError(ValueError):
    """A fault that cannot be carried out."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that replaces WeChat's answer.

    Kinds, and the fields that each one uses:
      delay      `seconds` pass, then the true answer.
      drop       the connection closes without an answer.
      reset      the connection is reset (RST).
      answer     `status`, `content_type` and `body`.
      status     `status` (500 unless given) and `body` as plain text.
      html       an HTML page with `status` (200 unless given).
      empty      no body, with `content_type`.
      garbage    `size` random bytes (1,024 unless given) as `content_type`.
      truncated  the first half of the true body, correctly framed: broken JSON.
      cut_short  half of the promised Content-Length, then the connection closes.
      huge       `size` bytes (50 MiB unless given), streamed without a Content-Length.
      gzip_bomb  a small gzip body which unpacks to `size` bytes.
      deep_json  `size` nested arrays (100,000 unless given).
      drip       the true body, one byte every `seconds`.
      redirect   302 to `location`, or to the same address again when it is empty.
      not_http   bytes that are not an HTTP answer.

    `endpoint` is a shell pattern, compared with `/path?action=value` and with the bare path, e.g.
    `/cgi-bin/scanloginqrcode?action=ask`, `/cgi-bin/*`. `login` limits the fault to one login (uuid). It affects
    `times` requests, or all until it is cleared if that is None. With `after_processing` WeChat processes the
    request and only the answer is affected; otherwise the request is not processed.
    """

    endpoint: str
    kind: FaultKind
    times: int | None = None
    login: str | None = None
    seconds: float = 0.0
    status: int | None = None
    body: str = ""
    content_type: str = "application/json; charset=UTF-8"
    size: int | None = None
    location: str = ""
    after_processing: bool = False

    def __post_init__(self) -> None:
        if self.kind not in get_args(FaultKind):
            raise InvalidFaultError(f"no kind of fault is called {self.kind!r}")
        if self.times is not None and self.times < 1:
            raise InvalidFaultError("a fault happens at least once")

    def as_json(self) -> dict[str, Any]:
        """Returns the fields by name, for `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Fault":
        """Returns the fault with the fields in `value`, from `as_json`.

        Raises InvalidFaultError if a field is missing, unknown or invalid.
        """
        try:
            return cls(**value)
        except TypeError as error:
            raise InvalidFaultError(str(error)) from error
