"""What the package's metadata promises fits the code that it carries."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "gen/fastmp/wechat_cookie/v1"


def project(folder: Path) -> dict[str, Any]:
    metadata: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    return metadata


def test_the_client_has_the_products_version() -> None:
    client, product = project(ROOT / "client"), project(ROOT)
    assert client["version"] == product["version"]
    assert client["requires-python"] == product["requires-python"]


@pytest.mark.parametrize(
    ("package", "file", "pattern"),
    [
        (
            "grpcio",
            "wechat_cookie_service_pb2_grpc.py",
            r"GRPC_GENERATED_VERSION = '(\d+)\.(\d+)\.(\d+)'",
        ),
        ("protobuf", "wechat_cookie_service_pb2.py", r"Protobuf Python Version: (\d+)\.(\d+)\.(\d+)"),
    ],
)
def test_no_library_is_let_in_that_the_generated_code_refuses(package: str, file: str, pattern: str) -> None:
    generated = re.search(pattern, (GENERATED / file).read_text())
    assert generated is not None
    (wanted,) = [one for one in project(ROOT / "client")["dependencies"] if one.startswith(f"{package}>=")]
    assert wanted == f"{package}>={'.'.join(generated.groups())}"
