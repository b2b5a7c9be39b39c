"""The arguments of `make reset-password`."""

import pytest

from deploy.local import reset_password


@pytest.mark.parametrize(
    ("arguments", "removes"), [(["root@example.com"], False), (["root@example.com", "off"], True)]
)
def test_the_second_factor_goes_only_if_that_is_named(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], removes: bool
) -> None:
    asked: list[tuple[str, bool]] = []

    def note(_settings: object, email: str, *, removes_second_factor: bool) -> int:
        asked.append((email, removes_second_factor))
        return 0

    monkeypatch.setattr(reset_password, "reset_password", note)
    monkeypatch.setattr("sys.argv", ["reset_password", *arguments])
    assert reset_password.main() == 0
    assert asked == [("root@example.com", removes)]


@pytest.mark.parametrize("arguments", [[], [""], ["root@example.com", "on"], ["a", "off", "b"], ["", "off"]])
def test_other_arguments_change_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.setattr(reset_password, "reset_password", None)
    monkeypatch.setattr("sys.argv", ["reset_password", *arguments])
    assert reset_password.main() == 2
    assert "SECOND_FACTOR=off" in capsys.readouterr().err
