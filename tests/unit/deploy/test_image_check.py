"""The check of the container image, without a builder. With one, `make image-check` is the test."""

import shutil

import pytest

from deploy.image import check


def test_without_a_builder_it_says_so_and_does_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _program: None)
    monkeypatch.setattr("sys.argv", ["check"])
    assert check.main() == 0
    assert "skipped" in capsys.readouterr().out


def test_a_build_that_fails_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "find_builder", lambda: check.Builder("false"))
    monkeypatch.setattr("sys.argv", ["check", "--base", "scratch"])
    assert check.main() == 1
    assert capsys.readouterr().err.startswith("image-check: failed: ")
