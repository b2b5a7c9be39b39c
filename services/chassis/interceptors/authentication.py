"""Interceptor that authenticates calls by their bearer token."""

import datetime
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc

from services.chassis import context as calls
from services.chassis.access import lets_in
from services.chassis.identity.principals import (
    Authenticator,
    Principal,
    TokenMissingError,
    UnauthenticatedError,
)
from services.chassis.interceptors import Handler, Method, around

# The tokens of the contract have at most 153 characters.
LONGEST_TOKEN = 512


class Authentication:
    """Sets the Call's principal to the account of the bearer token, for methods that need an account.

    A cached principal that the method's rule would refuse is read again, so that access gained at another replica,
    by redeeming a code, is effective for the next call.
    """

    def __init__(self, authenticator: Authenticator, now: Callable[[], datetime.datetime]) -> None:
        self._authenticator = authenticator
        self._now = now

    def intercept(self, method: Method, handler: Handler) -> Handler:
        if not method.rule.needs_account:
            return handler

        def suffices(principal: Principal) -> bool:
            return lets_in(method.rule, principal, self._now())

        @contextmanager
        def enter(_context: grpc.ServicerContext) -> Iterator[None]:
            call = calls.current()
            call.principal = self._authenticator.authenticate(bearer_token(call.metadata), suffices)
            yield

        return around(method, handler, enter)


def bearer_token(metadata: calls.Metadata) -> str:
    """Returns the token of a call's metadata. Raises TokenMissingError, UnauthenticatedError."""
    sent = [value for key, value in metadata if key == "authorization"]
    if not sent:
        raise TokenMissingError
    scheme, _, token = str(sent[0]).partition(" ")
    if len(sent) > 1 or scheme.lower() != "bearer" or not token or len(token) > LONGEST_TOKEN:
        raise UnauthenticatedError
    return token
