"""Finds out who calls."""

from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from services.chassis import context as calls
from services.chassis.interceptors import Handler, Method, around
from services.chassis.principals import Authenticator, TokenMissingError, UnauthenticatedError

# The contract's tokens have at most 153 characters; nothing longer is worth looking at.
LONGEST_TOKEN = 512


class Authentication:
    """Puts the principal behind the bearer token into the Call, for methods that need an account."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    def intercept(self, method: Method, handler: Handler) -> Handler:
        if not method.rule.needs_account:
            return handler

        @contextmanager
        def enter(context: grpc.ServicerContext) -> Iterator[None]:
            calls.current().principal = self._authenticator.authenticate(_bearer_token(context))
            yield

        return around(method, handler, enter)


def _bearer_token(context: grpc.ServicerContext) -> str:
    sent = [value for key, value in context.invocation_metadata() if key == "authorization"]
    if not sent:
        raise TokenMissingError
    scheme, _, token = str(sent[0]).partition(" ")
    if len(sent) > 1 or scheme.lower() != "bearer" or not token or len(token) > LONGEST_TOKEN:
        raise UnauthenticatedError
    return token
