"""A client of the gateway's REST API, with its error format."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import requests
from requests.auth import AuthBase

from fastmp.cli.failures import Refusal, RefusedError, UnreachableError
from fastmp.cli.server_address import is_local

CONNECT_SECONDS = 5.0
# Longer than the gateway's timeout for a service, so that the gateway answers first.
ANSWER_SECONDS = 60.0
Query = Mapping[str, str | int | None]


class _Bearer(AuthBase):
    """Adds the access token, if any. Without an auth object, requests would use a password from ~/.netrc."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


@dataclass(frozen=True)
class StreamedBody:
    """An answer that is read piece by piece. `headers` is case-insensitive."""

    headers: Mapping[str, str]
    pieces: Iterator[bytes]


class RestSession:
    """A session of one caller at one gateway.

    Every call raises RefusedError for an error answer, and UnreachableError if there is no complete answer.
    """

    def __init__(self, server: str, token: str | None = None) -> None:
        """`server` is an address from server_address.checked. Without a token, only public paths can be called."""
        self._server = server
        self._session = requests.Session()
        self._session.auth = _Bearer(token)
        # The command line's own sentences are English.
        self._session.headers["Accept-Language"] = "en"
        # The environment's proxy must not be used for this machine.
        self._session.trust_env = not is_local(server)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def get(self, path: str, **query: str | int | None) -> dict[str, Any]:
        """Returns the JSON answer of GET; query parameters that are None are left out."""
        return self._answer("GET", path, params=query)

    def post(self, path: str, **body: str | int | None) -> dict[str, Any]:
        """Returns the JSON answer of POST; fields of the body that are None are left out."""
        return self._answer("POST", path, json=_given(body))

    def put(self, path: str, **body: str | int | None) -> dict[str, Any]:
        """Returns the JSON answer of PUT; fields of the body that are None are left out."""
        return self._answer("PUT", path, json=_given(body))

    def delete(self, path: str) -> dict[str, Any]:
        """Returns the JSON answer of DELETE."""
        return self._answer("DELETE", path)

    @contextmanager
    def stream(
        self, path: str, query: Query, silence_seconds: float = ANSWER_SECONDS
    ) -> Iterator[StreamedBody]:
        """Yields the answer of GET as a stream. It raises UnreachableError after `silence_seconds` without data."""
        response = self._send("GET", path, silence_seconds, params=query, stream=True)
        with response:
            yield StreamedBody(response.headers, self._pieces(response))

    def _pieces(self, response: requests.Response) -> Iterator[bytes]:
        try:
            # Without a chunk size, data is passed on as it arrives.
            yield from response.iter_content(chunk_size=None)
        except OSError as error:
            raise UnreachableError(f"the connection to {self._server} broke") from error

    def _answer(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        response = self._send(method, path, ANSWER_SECONDS, **options)
        body = _json_object(response)
        if body is None:
            raise RefusedError(
                Refusal(response.status_code, "", f"{self._server} does not answer as FastMP does")
            )
        return body

    def _send(self, method: str, path: str, answer_seconds: float, **options: Any) -> requests.Response:
        try:
            response = self._session.request(
                method,
                self._server + path,
                timeout=(CONNECT_SECONDS, answer_seconds),
                # The token must not be sent to another server.
                allow_redirects=False,
                **options,
            )
        except (OSError, ValueError) as error:
            # requests does not wrap all errors, such as an invalid IDNA name or a missing certificate file.
            raise UnreachableError(
                f"cannot reach {self._server} ({_words(error)})", "Is the address right? See --server"
            ) from error
        if response.status_code != requests.codes.ok:
            with response:
                raise RefusedError(_refusal(response))
        return response


def _given(body: Mapping[str, str | int | None]) -> dict[str, str | int]:
    return {name: value for name, value in body.items() if value is not None}


def _json_object(response: requests.Response) -> dict[str, Any] | None:
    try:
        body = response.json()
    except (ValueError, RecursionError, requests.RequestException):
        return None
    return body if isinstance(body, dict) else None


def _refusal(response: requests.Response) -> Refusal:
    body = _json_object(response) or {}
    details = {
        str(detail.get("@type", "")).rpartition(".")[2]: detail for detail in _objects(body.get("details"))
    }
    violations = _objects(details.get("BadRequest", {}).get("field_violations"))
    return Refusal(
        status=response.status_code,
        reason=str(details.get("ErrorInfo", {}).get("reason", "")),
        message=str(body.get("message") or f"HTTP {response.status_code} {response.reason}"),
        fields=tuple(str(one.get("description")) for one in violations),
        retry_after_seconds=_seconds(details.get("RetryInfo", {}).get("retry_delay")),
        request_id=str(details.get("RequestInfo", {}).get("request_id", "")),
    )


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _seconds(duration: object) -> float:
    """Parses a google.protobuf.Duration in JSON, such as "1.5s"; returns 0 for anything else."""
    found = re.fullmatch(r"(\d{1,9}(\.\d{1,9})?)s", str(duration), re.ASCII)
    return float(found[1]) if found else 0.0


def _words(error: Exception) -> str:
    # ConnectionError comes last, because the others are subclasses of it.
    for kind, words in (
        (requests.exceptions.SSLError, "its certificate is not trusted"),
        (requests.exceptions.ProxyError, "the proxy refuses"),
        (requests.exceptions.ConnectTimeout, "no answer in time"),
        (requests.exceptions.ReadTimeout, "no answer in time"),
        (requests.exceptions.ConnectionError, "no connection"),
    ):
        if isinstance(error, kind):
            return words
    return type(error).__name__
