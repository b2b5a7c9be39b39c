"""The choice of a language, and the texts in both."""

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.chassis.language import LONGEST_ACCEPT_LANGUAGE, Language, Localized, preferred

ROOT = Path(__file__).resolve().parents[3]
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.parametrize(
    "header",
    ["", "zh", "zh-CN,zh;q=0.9,en;q=0.8", "en;q=0.2, zh;q=0.9", "fr", "*", "en;q=0", "en;q=many", "\0en"],
)
def test_chinese_unless_english_is_preferred(header: str) -> None:
    assert preferred(header) is Language.CHINESE


@pytest.mark.parametrize(
    "header", ["en", "EN-gb", "en-US,en;q=0.9", "zh;q=0.1, en;q=0.5", "fr, en;q=0.1", "zh;q=0, en"]
)
def test_english_where_it_is_preferred(header: str) -> None:
    assert preferred(header) is Language.ENGLISH


def test_a_header_longer_than_browsers_send_is_ignored() -> None:
    assert preferred("en" + ",fr" * LONGEST_ACCEPT_LANGUAGE) is Language.CHINESE


def test_values_are_filled_in_in_the_same_language() -> None:
    part = Localized("证书", "certificate")
    text = Localized("{part} 第 {count} 次", "{part}, attempt {count}").with_values(part=part, count=2)
    assert text == Localized("证书 第 2 次", "certificate, attempt 2")


def test_a_value_is_not_taken_for_a_placeholder() -> None:
    assert Localized("{a}。", "{a}.").with_values(a="{b}") == Localized("{b}。", "{b}.")


def _texts() -> Iterator[tuple[str, str, str]]:
    for folder in ("services", "gateway"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    constants = (one.value for one in node.args if isinstance(one, ast.Constant))
                    texts = [value for value in constants if isinstance(value, str)]
                    if node.func.id == "Localized" and len(texts) == len(Language):
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", texts[0], texts[1]


def test_every_text_says_the_same_in_both_languages() -> None:
    texts = list(_texts())
    assert len(texts) > 40
    for place, zh, en in texts:
        assert CHINESE.search(zh), place
        assert en
        assert not CHINESE.search(en), place
        fields = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in (zh, en)]
        assert fields[0] == fields[1], place
