"""The steps of a login that tests of later ones begin with."""

from deploy.wechat_emulator.running import RunningEmulator
from services.wechat_cookie.mp.client import MpClient
from services.wechat_cookie.mp.cookies import UUID_COOKIE, MpCookies


def pending_login(client: MpClient) -> tuple[MpCookies, str]:
    """A login whose QR code is shown: its cookies and its uuid."""
    cookies = client.start_login(client.visit(MpCookies()))
    _, cookies = client.fetch_qr_code(cookies)
    uuid = cookies.get(UUID_COOKIE)
    assert uuid is not None
    return cookies, uuid.value


def confirmed_login(client: MpClient, emulator: RunningEmulator) -> tuple[MpCookies, str]:
    """A login that is confirmed on the phone, with its last step still to do."""
    cookies, uuid = pending_login(client)
    emulator.control.scan_and_confirm(uuid)
    return cookies, uuid
