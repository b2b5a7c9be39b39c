"""One run of a command: its profile, server, access token and output."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from fastmp.cli import access_tokens, profiles, server_address
from fastmp.cli.failures import NotSignedInError
from fastmp.cli.output import Output
from fastmp.cli.plain_text import trimmed
from fastmp.cli.profiles import Profile, Profiles
from fastmp.cli.rest import RestSession


@dataclass(frozen=True)
class Choices:
    """The values of the options that every command has."""

    server: str | None = None
    profile: str | None = None
    as_json: bool = False

    def narrowed(self, inner: "Choices") -> "Choices":
        """Returns these options, overridden by those of `inner`, further right on the command line."""
        return Choices(
            inner.server or self.server, inner.profile or self.profile, inner.as_json or self.as_json
        )


@dataclass(frozen=True)
class Invocation:
    """The context of a command. `profile` is None if there is no profile called `profile_name`."""

    profile_name: str
    profiles: Profiles
    profile: Profile | None
    server: str
    # The value of FASTMP_TOKEN, which is used instead of the profile's token.
    given_token: str | None = field(repr=False)
    output: Output

    @classmethod
    def of(cls, choices: Choices, environment: Mapping[str, str]) -> Self:
        """Combines options, environment variables, the profile and defaults, in this order of precedence.

        Raises UsageError for an invalid value, and CommandError for a profile that cannot be used.
        """
        store = Profiles.of_user()
        name = choices.profile or trimmed(environment.get("FASTMP_PROFILE", "")) or profiles.DEFAULT
        profile = store.load(name)
        kept = profile.server if profile else server_address.DEFAULT
        server = choices.server or trimmed(environment.get("FASTMP_SERVER", "")) or kept
        given_token = trimmed(environment.get(access_tokens.VARIABLE, ""))
        return cls(
            profile_name=name,
            profiles=store,
            profile=profile,
            server=server_address.checked(server, allow_http=environment.get("FASTMP_ALLOW_HTTP") == "1"),
            given_token=access_tokens.checked(given_token, access_tokens.VARIABLE) if given_token else None,
            output=Output(as_json=choices.as_json),
        )

    def anonymous(self) -> RestSession:
        """Returns a session without a token."""
        return RestSession(self.server)

    def signed_in(self) -> RestSession:
        """Returns a session with the user's access token. Raises NotSignedInError if there is none."""
        return RestSession(self.server, self._token())

    def show(self, document: Mapping[str, Any], words: str) -> None:
        """Writes the result: the document if the output is JSON, else the words."""
        if self.output.as_json:
            self.output.document(document)
        else:
            self.output.sentence(words)

    def _token(self) -> str:
        if self.given_token is not None:
            return self.given_token
        hint = f"Sign in: fastmp login EMAIL --profile {self.profile_name}"
        if self.profile is None or self.profile.token is None:
            raise NotSignedInError(f"not signed in under the profile {self.profile_name!r}", hint)
        if self.profile.server != self.server:
            # A token is sent only to the server that issued it.
            raise NotSignedInError(
                f"the profile {self.profile_name!r} is signed in at {self.profile.server}, not at {self.server}",
                f"{hint} --server {self.server}",
            )
        return self.profile.token
