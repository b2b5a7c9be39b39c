"""The browser that the console's tests drive: Debian's Chromium. `python -m deploy.chromium` installs it if it can.

No wheel ships a Chromium that is kept up to date, and Playwright's own download is another host to depend on.
"""

import os
import shutil
import subprocess
import sys

# The font is for the console's Chinese.
PACKAGES = ("chromium", "fonts-wqy-microhei")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
VARIABLE = "CHROMIUM"
ADVICE = (
    f"the console's tests need Chromium: apt-get install {' '.join(PACKAGES)}, or set {VARIABLE} to its path"
)


def find() -> str | None:
    """The program that $CHROMIUM names, else the first on the PATH; None when there is none."""
    return next(filter(None, map(shutil.which, (os.environ.get(VARIABLE, ""), *NAMES))), None)


def install() -> bool:
    """Installs the packages and returns whether that worked. Needs root and apt-get."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return False
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # Another process may be installing at this moment.
    apt = ("apt-get", "-q", "-o", "DPkg::Lock::Timeout=300")
    install_all = (*apt, "install", "-y", "--no-install-recommends", *PACKAGES)
    for command in ((*apt, "update"), install_all):
        done = subprocess.run(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            print(done.stdout, file=sys.stderr)
            return False
    return True


def main() -> int:
    """Always 0: without a browser the other tests are still worth running, and the console's fail by themselves."""
    if find() is None:
        print("Installing Chromium for the tests of the console ...", flush=True)
        if not install():
            print(ADVICE, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
