"""Calls of the REST paths through Envoy, with whatever came of them as a value: also a refusal, also no answer."""

import http
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import requests
import sseclient

CONNECT_SECONDS = 3.0
# Longer than the gateway waits for a service, so that it is the gateway that gives up first.
ANSWER_SECONDS = 40.0
# Login streams say something every ten seconds.
SILENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Answer:
    """HTTP status and JSON body; status 0 when there was no whole answer, and `failure` says why."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)
    failure: str = ""

    @property
    def ok(self) -> bool:
        return self.status == http.HTTPStatus.OK

    @property
    def reason(self) -> str:
        """The ErrorInfo's reason of a refusal."""
        details = self.body.get("details", [])
        return next((str(detail["reason"]) for detail in details if "reason" in detail), "")

    @property
    def is_refusal(self) -> bool:
        """Whether it says for certain that nothing was changed."""
        return http.HTTPStatus.BAD_REQUEST <= self.status < http.HTTPStatus.INTERNAL_SERVER_ERROR

    def __str__(self) -> str:
        return f"{self.status} {self.reason or self.failure}".strip()


class StreamRefusedError(Exception):
    """A stream did not begin."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer))
        self.answer = answer


class GatewayCaller:
    """One caller with connections of its own. Not for use by two threads at once."""

    def __init__(
        self, gateway_url: str, token: str | None = None, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        self._url = gateway_url
        self._timeout = (CONNECT_SECONDS, answer_seconds)
        self._session = requests.Session()
        self._session.trust_env = False
        if token is not None:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._session.close()

    def get(self, path: str, **query: str | int) -> Answer:
        """GET with a query."""
        return self._call("GET", path, params=query)

    def post(self, path: str, **body: str | int) -> Answer:
        """POST with a JSON body."""
        return self._call("POST", path, json=body)

    def delete(self, path: str) -> Answer:
        """DELETE."""
        return self._call("DELETE", path)

    def events(self, path: str, **query: str | int) -> Iterator[dict[str, Any]]:
        """The events of a stream as they come; ends when the stream does.

        Raises StreamRefusedError, and requests.RequestException when the connection breaks.
        """
        timeout = (CONNECT_SECONDS, SILENCE_SECONDS)
        with self._session.get(self._url + path, params=query, stream=True, timeout=timeout) as answer:
            if not answer.ok:
                raise StreamRefusedError(Answer(answer.status_code, _json(answer)))
            for event in sseclient.SSEClient(iter(answer.iter_content(chunk_size=None))).events():
                yield json.loads(event.data)

    def _call(self, method: str, path: str, **options: Any) -> Answer:
        try:
            answer = self._session.request(method, self._url + path, timeout=self._timeout, **options)
        except requests.RequestException as error:
            return Answer(0, failure=type(error).__name__)
        return Answer(answer.status_code, _json(answer))


def _json(answer: requests.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
