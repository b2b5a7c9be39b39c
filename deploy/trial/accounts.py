"""The accounts and the activation code of a new trial, made through the gateway as its users would."""

import secrets
from dataclasses import dataclass, field

import requests

from deploy.demo.rest import RefusedError, RestCaller
from deploy.local.errors import LocalStackError
from deploy.local.startup import FirstAdmin

EMAIL = "demo@fastmp.example"
VALID_DAYS = 30


@dataclass(frozen=True)
class Customer:
    """An activated account."""

    email: str
    password: str = field(repr=False)


def make_accounts(gateway_url: str, admin: FirstAdmin) -> tuple[Customer, str]:
    """Registers and activates an account; returns it and an unused activation code.

    Raises LocalStackError if a call fails.
    """
    customer = Customer(EMAIL, secrets.token_hex(6))
    try:
        with RestCaller(gateway_url) as office, RestCaller(gateway_url) as person:
            office.sign_in(admin.email, admin.password)
            codes = office.post("/activation/generate", valid_days=VALID_DAYS, count=2)["codes"]
            used, unused = (str(code["activation_code"]) for code in codes)
            person.post("/auth/register", email=customer.email, password=customer.password)
            person.sign_in(customer.email, customer.password)
            person.post("/activation/activate", activation_code=used)
    except (RefusedError, requests.RequestException) as error:
        raise LocalStackError(f"the accounts of the trial could not be made: {error}") from error
    return customer, unused
