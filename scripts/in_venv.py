"""Which Python runs a script: that of .venv, which is made first where there is none."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"


def in_venv() -> None:
    """Go on in .venv with the tools for development in it, from the top of the script."""
    if Path(sys.prefix).resolve() != VENV.resolve():
        command = ["bash", "-euc", ". scripts/lib.sh; ensure_venv dev"]
        ready = subprocess.run(command, cwd=ROOT, check=False)
        if ready.returncode:
            raise SystemExit(ready.returncode)
        python = str(VENV / "bin" / "python")
        os.execv(python, [python, *sys.argv])
    sys.path.insert(0, str(ROOT))
