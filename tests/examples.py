"""The packages of `docs/examples`, installed as anybody would install them, and `survey-batch` beside them."""

import os
import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLES = DOCS / "examples"


def install(example: str, folder: Path) -> Path:
    """Install a package into a folder of its own, without a network where uv can build it."""
    options = ["install", "--quiet", "--no-deps", "--target", folder, EXAMPLES / example]
    first = ["uv", "pip", *options, "--python", sys.executable]  # it has what the packages are built with
    if subprocess.run([sys.executable, "-m", *first], check=False).returncode:
        subprocess.run([sys.executable, "-m", "pip", *options], check=True)
    return folder


class Beside:
    """Calls `survey-batch` in a folder, where packages are installed."""

    def __init__(self, packages: Path, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, [str(packages), os.environ.get("PYTHONPATH")])),
        }

    def __call__(self, *words: str, code: int = 0) -> str:
        """Return what a command prints; it must end with the code."""
        command = [sys.executable, "-m", "survey_batch", *map(str, words)]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr[-3000:]
        return done.stdout if code == 0 else done.stdout + done.stderr


def assert_shows(page: str, example: str) -> None:
    """Every block of code on a page is a piece of the package's files."""
    folder = EXAMPLES / example
    files = [path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.suffix in (".py", ".toml")]
    blocks = re.findall(r"```(?:python|toml)\n(.*?)```", (DOCS / "extend" / page).read_text("utf-8"), re.DOTALL)
    assert blocks
    missing = [block for block in blocks if not any(block in text for text in files)]
    assert not missing, f"{page} shows what {example} has no longer: {missing[0][:200]}"
