"""Stages, reasons and their words are the contract's, and the client's errors have a reason each."""

import inspect
import re
from pathlib import Path

from services.chassis.language import Language
from services.wechat_cookie.logins.rules import wording
from services.wechat_cookie.logins.rules.stages import Reason, Stage
from services.wechat_cookie.mp import errors

PROTO = Path(__file__).parents[4] / "protos/fastmp/wechat_cookie/v1/wechat_cookie_service.proto"


def listed_after(heading: str) -> list[str]:
    """The words that begin the lines of the comment's list under `heading`."""
    _, _, rest = PROTO.read_text().partition(f"// {heading}")
    block = re.split(r"\n//\n", rest, maxsplit=1)[0]
    return re.findall(r"^//   (\w+) {2,}", block, flags=re.MULTILINE)


def test_the_stages_are_those_of_the_contract() -> None:
    assert listed_after("Stages of a login, a closed list:") == [stage.value for stage in Stage]


def test_the_reasons_are_those_of_the_contract() -> None:
    assert listed_after("Reasons of a failure, a closed list:") == [reason.value for reason in Reason]


def test_every_stage_and_reason_has_a_sentence_in_each_language() -> None:
    assert set(wording.STAGES) == set(Stage)
    assert set(wording.REASONS) == set(Reason)
    for sentence in (*wording.STAGES.values(), *wording.REASONS.values()):
        assert re.search(r"[\u4e00-\u9fff]{3}", sentence.zh)
        assert not re.search(r"[A-Za-z]{4}", sentence.zh)
        assert wording.in_language(sentence.zh, Language.ENGLISH) == sentence.en


def test_a_stored_failure_that_names_its_part_is_read_in_english() -> None:
    stored = wording.failure(Reason.WECHAT_UNREACHABLE, "dns").zh
    assert wording.in_language(stored, Language.ENGLISH) == (
        "WeChat cannot be reached (its name cannot be resolved); check the network and try again"
    )
    assert wording.in_language(stored, Language.CHINESE) == stored


def test_a_message_of_another_release_is_read_as_it_is_stored() -> None:
    assert wording.in_language("旧版本的消息", Language.ENGLISH) == "旧版本的消息"


def test_every_error_of_the_client_has_a_reason_in_the_list() -> None:
    classes = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.MpError) and hasattr(kind, "login_failure")
    ]
    assert len(classes) > 10
    assert {kind.login_failure for kind in classes} <= {reason.value for reason in Reason}
