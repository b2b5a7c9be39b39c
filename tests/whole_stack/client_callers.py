"""Connections to a stack's services as the client package makes them."""

from deploy.local.stack import LocalStack
from fastmp.client import TlsFiles, WeChatCookieClient
from tests.whole_stack.people import Person


def tls(stack: LocalStack, name: str) -> TlsFiles:
    """The files of the certificate with that name."""
    return TlsFiles.in_folder(stack.tls_files(name).ca_file.parent, name)


def connect(stack: LocalStack, name: str = "collector", person: Person | None = None) -> WeChatCookieClient:
    """A client of WeChatCookie with the certificate of that name; with `person` it makes their calls."""
    addresses = ",".join(stack.addresses("wechat_cookie"))
    token = person.token if person else None
    return WeChatCookieClient(addresses, tls(stack, name), access_token=token)
