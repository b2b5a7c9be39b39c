"""The names of routes, which the access log shows."""

from gateway.contract import Rpc


def route_name(rpc: Rpc) -> str:
    """For example "IdentityService.GetMe": it never holds a secret, a path may."""
    return rpc.path.rpartition(".")[2].replace("/", ".")
