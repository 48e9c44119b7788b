"""A JupyterLab on loopback with one notebook, in a folder and with settings of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

TOKEN = "made-up"
# What it must not do in a test: look for news and updates, or open a browser.
QUIET = [
    "--no-browser",
    "--allow-root",
    "--ServerApp.port=0",
    "--ServerApp.ip=127.0.0.1",
    f"--IdentityProvider.token={TOKEN}",
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
]


class Lab:
    """Runs JupyterLab until it is closed; `url` opens the notebook."""

    def __init__(self, folder: Path, cells: list[str]) -> None:
        self.notebook = folder / "work" / "tried.ipynb"
        self.notebook.parent.mkdir(parents=True)
        self.notebook.write_text(json.dumps(notebook(cells)), encoding="utf-8")
        places = {
            name: str(folder / name.lower())
            for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR",
                         "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR")
        }  # fmt: skip
        self._log = (folder / "lab.log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *QUIET, f"--ServerApp.root_dir={folder / 'work'}"],
            env={**os.environ, **places, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdout=self._log,
            stderr=self._log,
        )
        self._runtime = Path(places["JUPYTER_RUNTIME_DIR"])
        self.root = self._wait()
        self.url = f"{self.root}lab/tree/{self.notebook.name}?token={TOKEN}"

    def _wait(self, most: float = 90) -> str:
        ends = time.monotonic() + most
        while time.monotonic() < ends and self._process.poll() is None:
            for file in self._runtime.glob("jpserver-*.json"):
                text = file.read_text(encoding="utf-8")
                if text.endswith("}"):
                    return str(json.loads(text)["url"])
            time.sleep(0.1)
        self.close()
        raise AssertionError(f"JupyterLab did not start, see {self._log.name}")

    def close(self) -> None:
        """End the server and its kernels."""
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()


def notebook(cells: list[str]) -> dict[str, object]:
    """A notebook of these cells of code, not run yet."""
    return {
        "cells": [
            {
                "cell_type": "code",
                "execution_count": None,
                "id": f"cell-{number}",
                "metadata": {},
                "outputs": [],
                "source": source,
            }
            for number, source in enumerate(cells)
        ],
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python",
                                    "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }  # fmt: skip
