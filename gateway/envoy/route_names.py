"""The names of routes, which appear in the access log."""

from gateway.contract import Rpc


def route_name(rpc: Rpc) -> str:
    """Returns the RPC's route name, e.g. "IdentityService.GetMe". Unlike a path, it never contains a secret."""
    return rpc.path.rpartition(".")[2].replace("/", ".")
