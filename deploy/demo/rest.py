"""A REST client of the gateway, such as a script would use."""

import json
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import requests
import sseclient

TIMEOUT_SECONDS = 30.0


class RefusedError(Exception):
    """The gateway answered with an error. `status` is the HTTP status; `reason` is that of the ErrorInfo."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        self.status = status
        self.reason = next((detail["reason"] for detail in body["details"] if "reason" in detail), "")
        super().__init__(f"{status} {self.reason}: {body['message']}")


class RestCaller:
    """A REST client with the access token of one account. Raises RefusedError, and requests' exceptions."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._session = requests.Session()
        self._session.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def sign_in(self, email: str, password: str) -> None:
        """Signs in and uses the access token for later calls."""
        token = self.post("/auth/login", email=email, password=password)["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **query: str | int) -> dict[str, Any]:
        """Sends GET and returns the JSON answer."""
        return self._json(self._session.get(self._base_url + path, params=query, timeout=TIMEOUT_SECONDS))

    def post(self, path: str, **body: str | int) -> dict[str, Any]:
        """Sends POST with a JSON body and returns the JSON answer."""
        return self._json(self._session.post(self._base_url + path, json=body, timeout=TIMEOUT_SECONDS))

    def picture(self, path: str) -> bytes:
        """Returns the bytes of an image."""
        answer = self._session.get(self._base_url + path, timeout=TIMEOUT_SECONDS)
        if not answer.ok:
            self._json(answer)
        return answer.content

    def events(self, path: str, **query: str | int) -> Iterator[dict[str, Any]]:
        """Yields the events of a stream as they arrive."""
        with self._session.get(
            self._base_url + path, params=query, stream=True, timeout=TIMEOUT_SECONDS
        ) as answer:
            if not answer.ok:
                self._json(answer)
            # Without a chunk size, data is passed on as it arrives.
            for event in sseclient.SSEClient(iter(answer.iter_content(chunk_size=None))).events():
                yield json.loads(event.data)

    @staticmethod
    def _json(answer: requests.Response) -> dict[str, Any]:
        body: dict[str, Any] = answer.json()
        if not answer.ok:
            raise RefusedError(answer.status_code, body)
        return body
