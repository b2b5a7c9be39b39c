"""The two READMEs say the same: only the language differs."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LARGEST_PICTURE_BYTES = 300_000
ENGLISH, CHINESE = "README.md", "README.zh-CN.md"
LINK = re.compile(r"!?\[[^]]*\]\(([^)]+)\)")
CODE = re.compile(r"`([^`]+)`")
HAN = re.compile(r"[\u4e00-\u9fff]")
# What a code block says to people: a comment of the shell, or what a folder is for.
SAID = re.compile(r"(^|\s)#.*|(?<=\S)\s{2,}.*$")


@dataclass
class Readme:
    """What of a README both languages share, in order."""

    text: str
    headings: list[tuple[str, str]] = field(default_factory=list)
    blocks: list[tuple[str, list[str]]] = field(default_factory=list)
    prose: str = ""


def read(name: str) -> Readme:
    readme = Readme((ROOT / name).read_text("utf-8"))
    within = False
    for line in readme.text.splitlines():
        if line.startswith("```"):
            within = not within
            if within:
                readme.blocks.append((line, []))
        elif within:
            readme.blocks[-1][1].append(SAID.sub("", line).rstrip())
        else:
            if found := re.match(r"(#+) (.*)", line):
                readme.headings.append((found[1], found[2]))
            readme.prose += line + "\n"
    assert not within
    return readme


@pytest.fixture(scope="module")
def english() -> Readme:
    return read(ENGLISH)


@pytest.fixture(scope="module")
def chinese() -> Readme:
    return read(CHINESE)


def links(readme: Readme, other: str) -> list[str]:
    """The addresses that are linked to or shown, without the way to the other language."""
    return [address for address in LINK.findall(readme.prose) if address != other]


def rows(readme: Readme) -> list[list[str]]:
    """What stands as code in the rows of the tables."""
    return [sorted(CODE.findall(line)) for line in readme.prose.splitlines() if line.startswith("|")]


def test_the_headings_stand_in_the_same_order_on_the_same_levels(english: Readme, chinese: Readme) -> None:
    assert [level for level, _ in english.headings] == [level for level, _ in chinese.headings]
    assert len(english.headings) >= 8
    # A name stays a name; all else is translated.
    assert all(HAN.search(words) for _, words in chinese.headings[1:])


def test_every_command_is_the_same(english: Readme, chinese: Readme) -> None:
    assert english.blocks == chinese.blocks
    assert len(english.blocks) >= 5


def test_links_and_pictures_are_the_same_and_lead_somewhere(english: Readme, chinese: Readme) -> None:
    found = links(english, CHINESE)
    assert found == links(chinese, ENGLISH)
    assert [address for address in found if "://" not in address and not (ROOT / address).exists()] == []


def test_tables_speak_of_the_same_commands(english: Readme, chinese: Readme) -> None:
    assert rows(english) == rows(chinese)


def test_code_in_sentences_is_the_same(english: Readme, chinese: Readme) -> None:
    assert sorted(set(CODE.findall(english.prose))) == sorted(set(CODE.findall(chinese.prose)))


def test_each_leads_to_the_other_and_begins_with_how_to_run_and_test(
    english: Readme, chinese: Readme
) -> None:
    for readme, other in ((english, CHINESE), (chinese, ENGLISH)):
        top, _, _ = readme.text.partition("\n## ")
        assert f"]({other})" in top
        assert top.index("make run") < top.index("make test") < top.index(f"]({other})")


def test_both_show_the_console_and_the_terminal_and_neither_is_heavy(
    english: Readme, chinese: Readme
) -> None:
    for readme in (english, chinese):
        shown = re.findall(r"!\[[^]]+\]\((docs/pictures/[^)]+)\)", readme.prose)
        assert shown == ["docs/pictures/console.png", "docs/pictures/terminal-scan.png"]
        assert all((ROOT / picture).stat().st_size < LARGEST_PICTURE_BYTES for picture in shown)
