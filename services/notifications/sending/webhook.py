"""Webhooks by the Standard Webhooks scheme: an HTTPS POST with an id, a timestamp and a signature."""

import base64
import datetime
import email.utils
import json
import secrets
from collections.abc import Mapping, Sequence

from standardwebhooks import Webhook

from services.notifications.sending.errors import StatusError
from services.notifications.sending.exchange import Exchanges
from services.notifications.sending.messages import Message

SECRET_BYTES = 32
_SUCCESS = range(200, 300)
_USER_AGENT = "FastMP"


def new_secret() -> str:
    """Returns a new random secret in the form of the scheme, "whsec_" and base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def send(
    exchanges: Exchanges, url: str, keys: Sequence[str], message: Message, now: datetime.datetime
) -> None:
    """Sends a message, signed with each of the secrets `keys`. Raises SendingError unless the status is 2xx."""
    body = payload(message)
    answer = exchanges.post(url, headers(keys, message.id, body, now), body.encode())
    if answer.status not in _SUCCESS:
        raise StatusError(answer.status, retry_after(answer.headers, now))


def payload(message: Message) -> str:
    """Returns the body: JSON with `type`, `timestamp` and `data`, as the scheme recommends."""
    data = {"subject_id": message.subject_id, "title": message.title, "text": message.text}
    if message.link is not None:
        data["link"] = message.link
    time = message.time.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"type": message.kind, "timestamp": time, "data": data}, ensure_ascii=False)


def headers(keys: Sequence[str], message_id: str, body: str, now: datetime.datetime) -> Mapping[str, str]:
    """Returns the headers of a webhook with this body, sent at `now`."""
    signatures = [Webhook(key).sign(message_id, now, body) for key in keys]
    return {
        "Content-Type": "application/json",
        "User-Agent": _USER_AGENT,
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def retry_after(headers: Mapping[str, str], now: datetime.datetime) -> datetime.timedelta | None:
    """Returns the value of Retry-After, which is seconds or a date; None without a valid one."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal() and len(value) <= len("31536000"):
        return datetime.timedelta(seconds=int(value))
    try:
        date = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    if date.tzinfo is None:
        return None
    return max(datetime.timedelta(), date - now)
