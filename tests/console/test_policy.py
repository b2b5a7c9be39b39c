"""What the gateway serves as the console, and what a browser lets it do."""

import re
from pathlib import Path

import pytest
import requests

from deploy.local.stack import LocalStack
from gateway.pages.console import console_pages
from tests.console.tab import Tab

CONSOLE = Path(__file__).parents[2] / "gateway" / "console"
PROTOS = Path(__file__).parents[2] / "protos" / "fastmp"
SCRIPTS = sorted(CONSOLE.rglob("*.js"))
# Whatever turns text into markup, code or style.
FORBIDDEN = re.compile(
    r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|new Function|setHTML\w*|DOMParser)\b"
    r"|\.style\b|javascript:"
)


def test_every_file_is_served_with_its_type_the_policy_and_a_lifetime(stack: LocalStack) -> None:
    pages = {page.path: page for page in console_pages()}
    assert len(pages) == sum(path.is_file() for path in CONSOLE.rglob("*"))
    for path, page in pages.items():
        answer = requests.get(stack.gateway_url + path, timeout=10)
        assert (answer.status_code, answer.content) == (200, page.content)
        assert answer.headers["content-type"] == page.content_type
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        policy = answer.headers["content-security-policy"].split("; ")
        assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"} <= set(
            policy
        )
        assert {"frame-ancestors 'none'", "form-action 'none'", "base-uri 'none'"} <= set(policy)
        assert "unsafe" not in answer.headers["content-security-policy"]
        # The start page names the version; what carries a version never changes.
        lifetime = "no-cache" if path == "/" else "public, max-age=31536000, immutable"
        assert answer.headers["cache-control"] == lifetime


def test_a_changed_file_changes_every_address_but_the_start(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text('<script src="/console/main.js"></script>')
    (tmp_path / "main.js").write_text("one")
    (tmp_path / "other.css").write_text("same")
    before = {page.file_name: page for page in console_pages(tmp_path)}
    (tmp_path / "main.js").write_text("two")
    after = {page.file_name: page for page in console_pages(tmp_path)}
    assert before["console.index.html"].path == after["console.index.html"].path == "/"
    assert before["console.other.css"].path != after["console.other.css"].path
    assert after["console.main.js"].path.encode() in after["console.index.html"].content


def test_the_browser_refuses_markup_and_scripts_that_do_not_come_from_the_gateway(tab: Tab) -> None:
    with pytest.raises(Exception, match="TrustedHTML"):
        tab.page.evaluate("document.body.innerHTML = '<img src=x onerror=alert(1)>'")
    refused = tab.page.evaluate(
        """() => new Promise((resolve) => {
            const script = document.createElement("link");
            script.rel = "stylesheet";
            script.href = "data:text/css,body{display:none}";
            script.onerror = () => resolve(true);
            script.onload = () => resolve(false);
            document.head.append(script);
        })"""
    )
    assert refused
    # Both attempts were this test's own, and both were noticed.
    assert len([complaint for complaint in tab.complaints if complaint.startswith("policy:")]) == 2
    tab.complaints.clear()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.relative_to(CONSOLE).as_posix())
def test_no_script_makes_markup_or_code_from_text(script: Path) -> None:
    assert not FORBIDDEN.search(script.read_text("utf-8"))


def test_nothing_is_loaded_from_elsewhere() -> None:
    for path in CONSOLE.rglob("*"):
        if path.is_file():
            text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
            assert not re.search(r"https?://|@import|//cdn", text), path


def words(language: str) -> dict[str, str]:
    """The dictionary of a language."""
    parts = (CONSOLE / "locales").glob(f"{language}*.js")
    text = "".join(part.read_text("utf-8") for part in parts)
    return dict(re.findall(r'^ *"?([\w.]+)"?:\s*"(.*)",$', text, re.MULTILINE))


def test_both_languages_say_the_same_things_with_the_same_values() -> None:
    chinese, english = words("zh"), words("en")
    assert len(chinese) > 200
    assert chinese.keys() == english.keys()
    for key, sentence in chinese.items():
        values = re.findall(r"\{[a-z]+\}", sentence)
        assert sorted(values) == sorted(re.findall(r"\{[a-z]+\}", english[key])), key


def test_every_sentence_that_a_script_asks_for_exists_and_every_one_is_asked_for() -> None:
    known = words("zh").keys()
    text = "".join(path.read_text("utf-8") for path in SCRIPTS if path.parent.name != "locales")
    # What is in quotes or backticks may be a key, or the beginning of one that ends in a value.
    asked = set(re.findall(r'"([a-z_]+(?:\.[\w]+)*)"', text))
    prefixes = set(re.findall(r"`([a-z_]+\.\w*)\$\{", text))
    prefixes |= {f"{kind}." for kind in re.findall(r'(?:badge|choices)\(\s*"([a-z_]+)"', text)}
    asked_by_t = set(re.findall(r'\bt\(\s*"([^"]+)"', text))
    assert asked_by_t <= known
    assert {key for key in known if key not in asked and not key.startswith(tuple(prefixes))} == set()


def test_every_stage_and_reason_of_the_contract_has_words_and_a_next_step() -> None:
    contract = (PROTOS / "wechat_cookie" / "v1" / "wechat_cookie_service.proto").read_text("utf-8")
    stages, reasons = contract.split("// Stages of a login", 1)[1].split("// Reasons of a failure", 1)
    reasons = reasons.split("// Every RPC", 1)[0]
    known = words("zh").keys()
    named_stages = re.findall(r"^//   ([a-z_]+) ", stages, re.MULTILINE)
    named_reasons = re.findall(r"^//   ([A-Z_]+) ", reasons, re.MULTILINE)
    assert (len(named_stages), len(named_reasons)) == (10, 21)
    assert {f"stage.{stage}" for stage in named_stages} <= known
    assert {f"{kind}.{reason}" for reason in named_reasons for kind in ("reason", "next")} <= known
