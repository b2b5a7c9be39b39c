import io
import re

from PIL import Image

from deploy.wechat_emulator.control import EmulatorControl
from tests.unit.wechat_emulator.browser import Browser


def test_the_qr_is_a_jpeg_that_says_what_wechats_says(browser: Browser) -> None:
    browser.start()
    response = browser.qr()
    assert response.headers["Content-Type"] == "image/jpg"
    assert response.content.startswith(b"\xff\xd8\xff")
    assert 2_000 < len(response.content) < 10_000
    assert Image.open(io.BytesIO(response.content)).size[0] > 200
    assert re.fullmatch(
        r"http://mp\.weixin\.qq\.com/mp/scanlogin\?action=index&qrticket=[0-9a-f]{32}"
        r"&scanscene=0#wechat_redirect",
        browser.qr_url(),
    )


def test_whoever_reads_the_picture_can_scan_it(browser: Browser, control: EmulatorControl) -> None:
    url = browser.started()
    control.scan(url)
    assert browser.status() == 4


def test_fifty_pictures_can_all_be_read_and_are_all_different(browser: Browser) -> None:
    browser.start()
    assert len({browser.qr_url() for _ in range(50)}) == 50
