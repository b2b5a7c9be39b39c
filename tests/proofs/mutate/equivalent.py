"""Faults that change nothing which the product promises, by file and the line as the fault leaves it."""

from collections.abc import Mapping

# Each with the reason. They are not drawn.
EQUIVALENT: Mapping[tuple[str, str], str] = {
    (
        "services/activation/redeeming/claims.py",
        "if code.account_id is None and code.activation_time is None or code.expiry_date is None:",
    ): "a constraint keeps all of them null or none",
    (
        "services/activation/redeeming/claims.py",
        "if code.account_id is None or code.activation_time is None and code.expiry_date is None:",
    ): "the same constraint",
    (
        "services/activation/redeeming/entitlements.py",
        "if claim.added_days is not None and claim.expiry_date <= expiry_date:",
    ): "Identity's is never earlier, and the same again changes nothing",
    ("services/chassis/audit/pruning.py", "if position != first:"): "the position is never smaller",
    (
        "services/chassis/interceptors/authentication.py",
        'scheme, _, token = str(sent[-1]).partition(" ")',
    ): "more than one is refused",
    (
        "services/identity/accounts/activations.py",
        '_MINUS_INFINITY = cast("-infinity", DateTime(timezone=False))',
    ): "it has no time zone",
    (
        "services/identity/accounts/listing.py",
        "return and_(stored <= ACTIVE, or_(accounts.c.expired_time.is_(None), ~is_over))",
    ): "active is the first status by its letters",
    (
        "services/identity/api/servicer.py",
        "offset = (number - 1) * values.size if number else 1",
    ): "beside a page token the offset is not read",
    (
        "services/identity/api/servicer.py",
        "offset = (number - 1) * values.size if number else -1",
    ): "beside a page token the offset is not read",
    (
        "services/identity/api/requests.py",
        "Totp = Annotated[Text, Field(max_length=63)]",
    ): "codes have at most 19 characters; the bound only has to exist",
    (
        "services/identity/api/requests.py",
        "Totp = Annotated[Text, Field(max_length=65)]",
    ): "codes have at most 19 characters; the bound only has to exist",
    (
        "services/identity/feed/reader.py",
        "if not position is not None and position == self._head:",
    ): "a query more finds nothing to read",
    ("services/identity/feed/watch.py", "next_heartbeat = 1.0"): "the monotonic clock is past both",
    (
        "services/wechat_cookie/logins/store/claiming.py",
        "return None if row is None else row[-1]",
    ): "the row has one column",
    (
        "services/wechat_cookie/logins/work/poller.py",
        "states = [s for poll in due if (s := known[poll.id]) is not None and s.version >= poll.version]",
    ): "a later version that this replica has written is the stored one",
    (
        "services/wechat_cookie/mp/client.py",
        "return approval_outcome(ret, 1)",
    ): "the status beside an error is not read",
    (
        "services/wechat_cookie/mp/transport.py",
        "_MOST_HEADER_BYTES = 128 * 1023",
    ): "the bound only has to exist",
}
