"""Patterns by which routes match REST paths and queries."""

import re

from gateway.envoy.extensions import Config

# A literal character, or percent-encoded UTF-8 (RFC 3629, section 4).
_TAIL = "%[89ABab][0-9A-Fa-f]"
URL_CHARACTER = "|".join(
    (
        "[!-$&-~]",
        "%[0-7][0-9A-Fa-f]",
        f"%(?:[Cc][2-9A-Fa-f]|[Dd][0-9A-Fa-f]){_TAIL}",
        f"%[Ee]0%[ABab][0-9A-Fa-f]{_TAIL}",
        f"%[Ee](?:[1-9A-Ca-c]|[EFef]){_TAIL}{_TAIL}",
        f"%[Ee][Dd]%[89][0-9A-Fa-f]{_TAIL}",
        f"%[Ff]0%(?:9|[ABab])[0-9A-Fa-f]{_TAIL}{_TAIL}",
        f"%[Ff][1-3]{_TAIL}{_TAIL}{_TAIL}",
        f"%[Ff]4%8[0-9A-Fa-f]{_TAIL}{_TAIL}",
    )
)


def path_pattern(template: str) -> Config:
    """Returns a route's match for a REST path whose {variables} are one segment each."""
    return {"safe_regex": {"regex": path_regex(template)}} if "{" in template else {"path": template}


def path_regex(template: str) -> str:
    """Returns a regular expression for a REST path whose {variables} are one segment each."""
    return "[^/]+".join(re.escape(part) for part in re.split(r"\{[a-z_]+\}", template))


def has_query(*, invert: bool = False) -> Config:
    """Returns a match for requests with a query, or without one; a question mark alone is not a query."""
    return {"name": ":path", "string_match": {"safe_regex": {"regex": r"[^?]*\?.+"}}, "invert_match": invert}
