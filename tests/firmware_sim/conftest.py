"""What the tests of the simulator share: vectors, their runner, real MicroPython, AES."""

import importlib.util
import json
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import settings

from tests.micropython import FOLDER, node

# A busy machine may take long over one example; the limit per test says when it hangs.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent


def aes_block_for(key_hex):
    """AES-128 of OpenSSL, one block at a time: stands for the chip's unit."""
    return Cipher(algorithms.AES(bytes.fromhex(key_hex)), modes.ECB()).encryptor().update


def load_vectors():
    return json.loads((HERE / "vectors.json").read_text())


@pytest.fixture(scope="session")
def vectors():
    return load_vectors()


@pytest.fixture(scope="session")
def run_vectors():
    """Runs vectors on this interpreter, as real MicroPython does."""
    path = FOLDER / "vectorrun.py"
    spec = importlib.util.spec_from_file_location("vectorrun", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda chosen: module.run(chosen, aes_block_for)


@pytest.fixture(scope="session")
def run_on_micropython():
    """Runs vectors on real MicroPython under Node."""
    own = FOLDER.relative_to(REPOSITORY).as_posix()
    command = [
        node(),
        FOLDER / "run.mjs",
        REPOSITORY,
        FOLDER / "main.py",
        f"{own}/vectorrun.py=vectorrun.py",
    ]

    def run(chosen):
        done = subprocess.run(
            command,
            check=False,
            input=json.dumps(chosen),
            capture_output=True,
            text=True,
            timeout=50,
        )
        if done.returncode:
            pytest.fail(f"MicroPython ended with {done.returncode}:\n{done.stderr}{done.stdout}")
        return json.loads(done.stdout)

    return run
