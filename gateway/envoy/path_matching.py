"""How routes match REST paths and queries."""

import re

from gateway.envoy.extensions import Config

# A character as it is, or percent-encoded UTF-8 (RFC 3629, section 4).
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
    """How a route matches a REST path whose {variables} are one segment each."""
    return {"safe_regex": {"regex": path_regex(template)}} if "{" in template else {"path": template}


def path_regex(template: str) -> str:
    """A pattern for a REST path whose {variables} are one segment each."""
    return "[^/]+".join(re.escape(part) for part in re.split(r"\{[a-z_]+\}", template))


def has_query(*, invert: bool = False) -> Config:
    """Matches a request with a query, or one without; a lone question mark is none."""
    return {"name": ":path", "string_match": {"safe_regex": {"regex": r"[^?]*\?.+"}}, "invert_match": invert}
