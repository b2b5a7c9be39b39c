import subprocess
import sys
from pathlib import Path

from tests.support.postgres import cluster_folder

KILLED = """
import os, signal, sys
from pathlib import Path
from tests.support.postgres import cluster_folder
with cluster_folder(Path(sys.argv[1])):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_folder_of_a_killed_process_is_removed_by_the_next_one(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    (left,) = tmp_path.iterdir()

    with cluster_folder(tmp_path) as first, cluster_folder(tmp_path) as second:
        assert not left.exists()
        assert first.exists()
        assert second.exists()
