"""`python -m tests.proofs.mutate [-n 100] [--seed N]`: lists the faults in services/ that no test notices.

The sample is drawn from all places in MODULES where an operator applies, also on lines that no test runs. A
fault is judged by the tests that run its statement, the nearest by name first. If none does, because it runs at
import or in another process, those judge that run anything of its file, or else those of its part of the
product. A migration runs once for many tests, so the schema's tests judge it. A timeout or an error outside a
test's own body may come from a busy machine: the fault is then judged once more, and the report says how many
were noticed only that way.

Exit status 1 when less than 0.9 of them are noticed.
"""

import argparse
import contextlib
import hashlib
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

from coverage import CoverageData

from tests.proofs.mutate.mutants import Mutant, sample

ROOT = Path(__file__).parents[3]
CACHE = ROOT / "var" / "mutate"
MODULES = [
    *("services/activation", "services/identity", "services/wechat_cookie/logins"),
    *("services/wechat_cookie/cookies", "services/wechat_cookie/mp"),
    *("services/chassis/audit", "services/chassis/throttling", "services/chassis/interceptors"),
]
PARTS = ("activation", "chassis", "identity", "wechat_cookie")
TESTS = [
    *(f"tests/{kind}/{part}" for kind in ("unit", "service") for part in PARTS),
    "tests/service/importing",
]
# These read the code instead of running it, so its coverage does not lead to them.
READERS = ["tests/unit/test_values.py", "tests/unit/deploy/test_settings_document.py"]
SCHEMAS = [f"tests/service/{part}/test_schema.py" for part in PARTS]
NOTICED_SHARE = 0.9
SECONDS_A_TEST = 60
MOST_TESTS_A_MUTANT = 300
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not long"]

FAILED, ERROR, SURVIVED = "noticed", "noticed by an error", "survived"

Contexts = dict[str, dict[int, set[str]]]


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


def coverage_of(folder: Path, modules: list[str], tests: list[str], digest: str, workers: int) -> Contexts:
    """The tests that run each line, by file and line, measured once for each state of the code.

    A line that runs at import has none. Tests that fail without any fault are left out.
    """
    wanted = hashlib.sha256(repr((modules, tests, digest)).encode()).hexdigest()[:16]
    kept, log = CACHE / f"{wanted}.coverage", CACHE / f"{wanted}.log"
    CACHE.mkdir(parents=True, exist_ok=True)
    if not kept.exists():
        sources = [f"--cov={module}" for module in modules]
        measuring = [*PYTEST, "-n", str(workers), *sources, "--cov-context=test", "--cov-report=", *tests]
        with log.open("w") as output:
            subprocess.run(measuring, cwd=folder, stdout=output, stderr=subprocess.STDOUT, check=False)
        shutil.copy2(folder / ".coverage", kept)
    failing = {
        line.split()[1].split("[")[0]
        for line in log.read_text().splitlines()
        if line.startswith(("FAILED ", "ERROR "))
    }
    data = CoverageData(str(kept))
    data.read()
    return {
        str(Path(*Path(path).parts[Path(path).parts.index("services") :])): {
            # A test's parameters may be other ones in the next run.
            line: {test.split("|")[0].split("[")[0] for test in tests_of_line if test} - failing
            for line, tests_of_line in data.contexts_by_lineno(path).items()
        }
        for path in data.measured_files()
    }


def judges(mutant: Mutant, covered: Contexts) -> list[str]:
    """The tests that judge it, the likeliest first."""
    lines = covered.get(mutant.file, {})
    tests = set().union(*(lines.get(line, ()) for line in mutant.lines))
    if tests and "/migrations/" not in mutant.file:
        return _nearest(mutant.file, tests)
    part = mutant.file.split("/")[1]
    tests = set().union(*lines.values()) or {
        test
        for of_file in covered.values()
        for of_line in of_file.values()
        for test in of_line
        if f"/{part}/" in test
    }
    return [*READERS, *SCHEMAS, *_nearest(mutant.file, tests)]


def _nearest(file: str, tests: set[str]) -> list[str]:
    """First those in files whose names have most in common with that of `file`, one of each of them in turn."""
    nth: Counter[str] = Counter()

    def distance(test: str) -> tuple[int, int, bool]:
        of = test.partition("::")[0]
        nth[of] += 1
        return -len(_words(file) & _words(of)), nth[of], not of.startswith("tests/unit/")

    return sorted(sorted(tests), key=distance)[:MOST_TESTS_A_MUTANT]


def _words(path: str) -> set[str]:
    return set(re.split(r"[/_.]", path)) - {"services", "tests", "py", ""}


def verdict(folder: Path, mutant: Mutant, tests: list[str]) -> str:
    """What the first test that does not pass with the fault shows: FAILED, ERROR (twice), or SURVIVED."""
    file = folder / mutant.file
    before = file.read_text()
    file.write_text(mutant.code(folder))
    try:
        found = _outcome(folder, tests)
        return _outcome(folder, tests) if found == ERROR else found
    finally:
        file.write_text(before)


def _outcome(folder: Path, tests: list[str]) -> str:
    judging = [*PYTEST, "-x", "-o", f"timeout={SECONDS_A_TEST}", *tests]
    try:
        done = subprocess.run(
            judging,
            cwd=folder,
            capture_output=True,
            text=True,
            # Only a hang takes longer: slow tests on a busy machine are no reason to call a fault noticed.
            timeout=SECONDS_A_TEST * (len(tests) + 1),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return ERROR
    if "ERROR: not found" in done.stderr:
        raise RuntimeError(done.stderr)
    if done.returncode == 0:
        return SURVIVED
    failures = [line for line in done.stdout.splitlines() if line.startswith("FAILED ")]
    return FAILED if any("Timeout" not in line for line in failures) else ERROR


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=100)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--modules", nargs="+", default=MODULES)
    parser.add_argument("--tests", nargs="+", default=TESTS)
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with contextlib.ExitStack() as stack:
        folders: Queue[Path] = Queue()
        for _ in range(options.workers):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fastmp-mutate-")))
            digest = copied(folder)
            folders.put(folder)
        covered = coverage_of(folder, options.modules, options.tests, digest, options.workers)
        files = [
            file.relative_to(folder).as_posix()
            for module in options.modules
            for file in (folder / module).rglob("*.py")
        ]
        mutants = sample(folder, files, options.n, options.seed)

        def judge(mutant: Mutant) -> str:
            folder = folders.get()
            try:
                found = verdict(folder, mutant, judges(mutant, covered))
            finally:
                folders.put(folder)
            print(f"{found}: {mutant}", flush=True)
            return found

        with ThreadPoolExecutor(options.workers) as pool:
            verdicts = Counter(pool.map(judge, mutants))
    noticed = verdicts[FAILED] + verdicts[ERROR]
    print(
        f"{noticed} of {len(mutants)} faults were noticed, {verdicts[ERROR]} of them by an error or a timeout"
    )
    return 0 if noticed >= NOTICED_SHARE * len(mutants) else 1


if __name__ == "__main__":
    sys.exit(main())
