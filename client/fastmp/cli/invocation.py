"""One run of a command: for whom, at which server, and how it answers."""

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
    """The options that every command has, as they were given."""

    server: str | None = None
    profile: str | None = None
    as_json: bool = False

    def narrowed(self, inner: "Choices") -> "Choices":
        """These, overruled by those given further right on the command line."""
        return Choices(
            inner.server or self.server, inner.profile or self.profile, inner.as_json or self.as_json
        )


@dataclass(frozen=True)
class Invocation:
    """What a command works with. `profile` is None without a sign-in under `profile_name`."""

    profile_name: str
    profiles: Profiles
    profile: Profile | None
    server: str
    # FASTMP_TOKEN; it is used instead of the profile's.
    given_token: str | None = field(repr=False)
    output: Output

    @classmethod
    def of(cls, choices: Choices, environment: Mapping[str, str]) -> Self:
        """Options come before environment variables, those before the profile, that before the default.

        Raises UsageError, and CommandError for a profile that cannot be used.
        """
        store = Profiles.of_this_person()
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
        """Calls without a token."""
        return RestSession(self.server)

    def signed_in(self) -> RestSession:
        """Calls as the person who is signed in. Raises NotSignedInError."""
        return RestSession(self.server, self._token())

    def show(self, document: Mapping[str, Any], words: str) -> None:
        """The answer: the document for programs, the words for people."""
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
            # A token goes to the server that gave it out, and to no other.
            raise NotSignedInError(
                f"the profile {self.profile_name!r} is signed in at {self.profile.server}, not at {self.server}",
                f"{hint} --server {self.server}",
            )
        return self.profile.token
