"""Calls of the gateway's REST paths, and its one error shape."""

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
# Longer than the gateway waits for a service, so that it is the gateway that gives up first.
ANSWER_SECONDS = 60.0
Query = Mapping[str, str | int | None]


class _Bearer(AuthBase):
    """The access token, or nothing at all: without this, requests would look for a password in ~/.netrc."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


@dataclass(frozen=True)
class StreamedBody:
    """An answer that is read piece by piece. `headers` ignores case."""

    headers: Mapping[str, str]
    pieces: Iterator[bytes]


class RestSession:
    """One caller at one gateway. Every call raises RefusedError and UnreachableError."""

    def __init__(self, server: str, token: str | None = None) -> None:
        """`server` as server_address.checked returns it. Without a token, for public paths only."""
        self._server = server
        self._session = requests.Session()
        self._session.auth = _Bearer(token)
        # A proxy is for the world outside.
        self._session.trust_env = not is_local(server)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def get(self, path: str, **query: str | int | None) -> dict[str, Any]:
        """The JSON answer of GET; what is None in the query is left out."""
        return self._answer("GET", path, params=query)

    def post(self, path: str, **body: str | int | None) -> dict[str, Any]:
        """The JSON answer of POST; what is None in the body is left out."""
        return self._answer("POST", path, json=_given(body))

    def put(self, path: str, **body: str | int | None) -> dict[str, Any]:
        """The JSON answer of PUT; what is None in the body is left out."""
        return self._answer("PUT", path, json=_given(body))

    def delete(self, path: str) -> dict[str, Any]:
        """The JSON answer of DELETE."""
        return self._answer("DELETE", path)

    @contextmanager
    def stream(
        self, path: str, query: Query, silence_seconds: float = ANSWER_SECONDS
    ) -> Iterator[StreamedBody]:
        """The answer of GET as it arrives. Its pieces raise UnreachableError after `silence_seconds` of silence."""
        response = self._send("GET", path, silence_seconds, params=query, stream=True)
        with response:
            yield StreamedBody(response.headers, self._pieces(response))

    def _pieces(self, response: requests.Response) -> Iterator[bytes]:
        try:
            # Without a chunk size each piece is passed on when it arrives.
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
                # The token is for this server and no other.
                allow_redirects=False,
                **options,
            )
        except (OSError, ValueError) as error:
            # Also what requests lets through: a name that IDNA refuses, a file of certificates that is missing.
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
        fields=tuple(f"{one.get('field')}: {one.get('description')}" for one in violations),
        retry_after_seconds=_seconds(details.get("RetryInfo", {}).get("retry_delay")),
        request_id=str(details.get("RequestInfo", {}).get("request_id", "")),
    )


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _seconds(duration: object) -> float:
    """A google.protobuf.Duration in JSON, "1.5s"; 0 for anything else."""
    found = re.fullmatch(r"(\d{1,9}(\.\d{1,9})?)s", str(duration), re.ASCII)
    return float(found[1]) if found else 0.0


def _words(error: Exception) -> str:
    # In this order: each is a kind of the last one.
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
