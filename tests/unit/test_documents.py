"""Files that the documents name are there."""

import re
from pathlib import Path

import pytest

from tests.support.documents import Block, blocks_of

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "operations"
DOCUMENTS = (
    *("CONTRIBUTING.md", "tests/README.md", "deploy/kubernetes/README.md"),
    *(str(page.relative_to(ROOT)) for page in sorted(ROOT.glob("docs/*.md"))),
    *(str(page.relative_to(ROOT)) for page in sorted(GUIDE.glob("*.md"))),
)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
# A path of a file or folder in the tree: not a pattern, a placeholder, a command or a path of another place.
PATH = re.compile(r"`([a-z_]+(?:/[\w.-]+)*/(?:[\w.-]+\.\w+)?)`")
# Folders of the state directory.
OUTSIDE = {"logs", "static", "var"}
# Made by `make bench`.
MADE = {"bench/results/"}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_and_paths_lead_somewhere(name: str) -> None:
    document = ROOT / name
    text = document.read_text()
    links = [link for link in LINK.findall(text) if not (document.parent / link).exists()]
    assert links == []
    named = [path for path in PATH.findall(text) if path.split("/")[0] not in OUTSIDE and path not in MADE]
    places = (ROOT, document.parent, ROOT / "services")
    assert [path for path in named if not any((place / path).exists() for place in places)] == []


def test_the_guides_index_has_every_page() -> None:
    linked = set(LINK.findall((GUIDE / "README.md").read_text()))
    assert sorted(page.name for page in GUIDE.glob("*.md") if page.name not in linked) == ["README.md"]


# Why a block of commands cannot be run by `make test-docs`, each with the pages that may say so.
NOT_RUN = {
    "PowerShell": {"windows.md"},
    "Prometheus runs until it is stopped": {"telemetry.md"},
    "needs Docker": {"docker.md"},
    "needs a cluster": {"rolling-restart.md"},
    "needs a proxy": {"login-broken.md"},
    "needs root": {"install.md", "one-machine.md"},
    "needs root and systemd": {"one-machine.md"},
    "needs root, and would close the machine's other ports": {"one-machine.md"},
    "needs systemd as the first process of the machine": {"one-machine.md"},
    "needs the user fastmp": {"one-machine.md"},
    "needs a cluster of production; tests/proofs/restored does the same": {"backup.md"},
    "needs pgBackRest; tests/proofs/restored/test_pgbackrest.py runs these lines": {"backup.md"},
    "needs the databases of production": {"backup.md"},
}
# Blocks of other languages would be commands that no test runs.
COMMANDS, OTHERS = (
    {"sh", "powershell"},
    {"text", "log", "ini", "nginx", "caddy", "crontab", "yaml", "json", "mermaid"},
)
# A command in a sentence: its program, and what it is asked to do.
IN_A_SENTENCE = re.compile(r"`((?:make|fastmp|docker|git|openssl) [\w-]+|python -m [\w.]+)[^`]*`")
OF_DEVELOPERS = {"make chaos", "make prove", "make test", "make test-docs", "make try"}


def guide() -> list[tuple[str, Block]]:
    return [
        (page.name, block) for page in sorted(GUIDE.glob("*.md")) for block in blocks_of(page.read_text())
    ]


def test_every_command_of_the_guide_is_run_or_says_why_not() -> None:
    reasons = {(name, block.reason) for name, block in guide() if block.reason}
    assert [one for one in sorted(reasons) if one[0] not in NOT_RUN.get(one[1], ())] == []
    languages = {(name, block.language) for name, block in guide()}
    assert [one for one in sorted(languages) if one[1] not in COMMANDS | OTHERS] == []
    assert [name for name, block in guide() if block.language == "powershell" and not block.reason] == []


def test_commands_in_the_guides_sentences_are_in_its_blocks_too() -> None:
    commands = " ".join(block.text for _, block in guide() if block.language == "sh")
    for page in sorted(GUIDE.glob("*.md")):
        sentences = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
        named = set(IN_A_SENTENCE.findall(" ".join(sentences.split()))) - OF_DEVELOPERS
        assert [command for command in sorted(named) if command not in commands] == [], page.name


@pytest.mark.parametrize(("flow", "most"), [("Redeem", 12), ("Sign in", 14), ("Scan", 20)])
def test_a_flow_passes_few_files(flow: str, most: int) -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    section = text.split(f"\n### {flow}\n")[1].split("\n#")[0]
    files = re.findall(r"^\d+\. `(services/[\w/]+\.py)`", section, re.MULTILINE)
    assert len(files) == len(set(files)) > most // 2
    assert len(files) <= most
    assert [file for file in files if not (ROOT / file).exists()] == []
