"""`python -m tests.proofs.mutate [-n 100] [--seed N]`: lists the faults in services/ that no test notices.

Exit status 1 when less than 0.9 of them are noticed.
"""

import argparse
import hashlib
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from coverage import CoverageData

from tests.proofs.mutate.mutants import Mutant, sample

ROOT = Path(__file__).parents[3]
CACHE = ROOT / "var" / "mutate"
MODULES = [
    *("services/activation", "services/identity", "services/wechat_cookie/logins"),
    *("services/wechat_cookie/cookies", "services/wechat_cookie/mp"),
    *("services/chassis/audit", "services/chassis/throttling", "services/chassis/interceptors"),
]
TESTS = ["tests/unit", "tests/service"]
NOTICED_SHARE = 0.9
SECONDS_A_MUTANT = 180
MOST_TESTS_A_MUTANT = 60
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]


def copied(folder: Path) -> str:
    """Copies the tracked files there, and returns a digest of those that matter to coverage."""
    digest = hashlib.sha256()
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        source = ROOT / name
        if source.is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)
            if name.startswith(("services/", "tests/unit/", "tests/service/", "tests/support/")):
                digest.update(name.encode() + source.read_bytes())
    return digest.hexdigest()[:16]


def coverage_of(
    folder: Path, modules: list[str], tests: list[str], digest: str
) -> dict[str, dict[int, list[str]]]:
    """The tests that run each line, by file and line, measured once for each state of the code."""
    wanted = hashlib.sha256(repr((modules, tests, digest)).encode()).hexdigest()[:16]
    kept = CACHE / f"{wanted}.coverage"
    if not kept.exists():
        sources = [f"--cov={module}" for module in modules]
        subprocess.run(
            [*PYTEST, *sources, "--cov-context=test", "--cov-report=", *tests], cwd=folder, check=False
        )
        CACHE.mkdir(parents=True, exist_ok=True)
        shutil.copy2(folder / ".coverage", kept)
    data = CoverageData(str(kept))
    data.read()
    return {
        str(Path(*Path(path).parts[Path(path).parts.index("services") :])): {
            line: [test.split("|")[0] for test in tests_of_line if test.endswith("|run")]
            for line, tests_of_line in data.contexts_by_lineno(path).items()
        }
        for path in data.measured_files()
    }


def is_noticed(folder: Path, mutant: Mutant, tests: list[str]) -> bool:
    """Whether a test fails with the fault, or does not end in time."""
    file = folder / mutant.file
    before = file.read_text()
    file.write_text(mutant.code(folder))
    try:
        done = subprocess.run(
            [*PYTEST, "-x", *tests], cwd=folder, capture_output=True, timeout=SECONDS_A_MUTANT, check=False
        )
    except subprocess.TimeoutExpired:
        return True
    finally:
        file.write_text(before)
    return done.returncode != 0


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=100)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    parser.add_argument("--modules", nargs="+", default=MODULES)
    parser.add_argument("--tests", nargs="+", default=TESTS)
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="fastmp-mutate-") as name:
        folder = Path(name)
        covered = coverage_of(folder, options.modules, options.tests, copied(folder))
        mutants = sample(folder, covered, options.n, options.seed)
        survivors = []
        for mutant in mutants:
            tests = sorted(set(covered[mutant.file][mutant.line]))[:MOST_TESTS_A_MUTANT]
            if not is_noticed(folder, mutant, tests):
                survivors.append(mutant)
                print(f"survived: {mutant.file}:{mutant.line} {mutant.operator}", flush=True)
    noticed = len(mutants) - len(survivors)
    print(f"{noticed} of {len(mutants)} faults were noticed")
    return 0 if noticed >= NOTICED_SHARE * len(mutants) else 1


if __name__ == "__main__":
    sys.exit(main())
