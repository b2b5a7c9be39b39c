"""The table of a run, on the screen and as files."""

import datetime
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.measurement import Result

HEADINGS = ("#", "figure", "measured", "ceiling", "ratio", "target", "met")


@dataclass(frozen=True)
class Report:
    """All results of one run, with the versions and the machine."""

    results: Sequence[Result]
    versions: Mapping[str, str]
    machine: Mapping[str, int]
    commit: str
    started_at: datetime.datetime
    seconds: float

    def table(self) -> str:
        """Returns the results as a Markdown table."""
        rows = [HEADINGS, *(_row(result) for result in self.results)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
        lines = ["| " + " | ".join(_padded(row, widths)) + " |" for row in rows]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join(lines)

    def details(self) -> str:
        """Returns a line for each result with a detail."""
        return "\n".join(f"- {one.number}, {one.what}: {one.detail}" for one in self.results if one.detail)

    def write(self, folder: Path) -> Path:
        """Writes `folder`/<date-time>.md and .json, and returns the path of the former."""
        folder.mkdir(parents=True, exist_ok=True)
        name = self.started_at.strftime("%Y-%m-%dT%H%M%SZ")
        (folder / f"{name}.json").write_text(json.dumps(self._json(), indent=1, ensure_ascii=False) + "\n")
        page = folder / f"{name}.md"
        page.write_text(self._markdown())
        return page

    def _markdown(self) -> str:
        parts = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        machine = f"{self.machine['cores']} cores, {self.machine['memory_mib']} MiB of memory"
        heading = f"# Benchmarks of {self.started_at:%Y-%m-%d %H:%M} UTC"
        ran = f"Commit {self.commit or 'unknown'}; {machine}; {parts}. The run took {self.seconds:.0f} s."
        return "\n\n".join((heading, ran, self.table(), self.details())).rstrip() + "\n"

    def _json(self) -> dict[str, object]:
        return {
            "started_at": self.started_at.isoformat(timespec="seconds"),
            "seconds": round(self.seconds),
            "commit": self.commit,
            "machine": dict(self.machine),
            "versions": dict(self.versions),
            "results": [_plain(result) for result in self.results],
        }


def _plain(result: Result) -> dict[str, object]:
    return {
        "number": result.number,
        "what": result.what,
        "measured": result.measured,
        "ceiling": result.ceiling,
        "ratio": result.ratio,
        "target": str(result.target),
        "met": result.is_met,
        "unit": result.unit,
        "detail": result.detail,
    }


def _row(result: Result) -> tuple[str, ...]:
    return (
        str(result.number),
        result.what,
        f"{_number(result.measured)} {result.unit}",
        "–" if result.ceiling is None else f"{_number(result.ceiling)} {result.unit}",
        "–" if result.ratio is None else f"{result.ratio:.2f}",
        str(result.target),
        "yes" if result.is_met else "NO",
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _padded(row: Iterable[str], widths: Sequence[int]) -> list[str]:
    return [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
