"""The browser of the console's tests: Debian's Chromium. `python -m deploy.chromium` installs it if possible.

There is no wheel with an up-to-date Chromium, and Playwright's own download would depend on another host.
"""

import os
import shutil
import sys

from deploy import debian

# The font is for the console's Chinese.
PACKAGES = ("chromium", "fonts-wqy-microhei")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
VARIABLE = "CHROMIUM"
ADVICE = (
    f"the console's tests need Chromium: apt-get install {' '.join(PACKAGES)}, or set {VARIABLE} to its path"
)


def find() -> str | None:
    """Returns the path in $CHROMIUM, or the first program found on the PATH, or None."""
    return next(filter(None, map(shutil.which, (os.environ.get(VARIABLE, ""), *NAMES))), None)


def main() -> int:
    """Runs the command and returns 0, also without a browser: then only the console's tests fail."""
    if find() is None:
        print("Installing Chromium for the tests of the console ...", flush=True)
        if not debian.install(PACKAGES):
            print(ADVICE, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
