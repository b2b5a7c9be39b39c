"""Files that the documents name are there."""

import re
from pathlib import Path

import pytest

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


@pytest.mark.parametrize(("flow", "most"), [("Redeem", 12), ("Sign in", 14), ("Scan", 20)])
def test_a_flow_passes_few_files(flow: str, most: int) -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    section = text.split(f"\n### {flow}\n")[1].split("\n#")[0]
    files = re.findall(r"^\d+\. `(services/[\w/]+\.py)`", section, re.MULTILINE)
    assert len(files) == len(set(files)) > most // 2
    assert len(files) <= most
    assert [file for file in files if not (ROOT / file).exists()] == []
