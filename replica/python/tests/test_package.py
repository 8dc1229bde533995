"""The package as it is built and installed, its types, its style, and Python 3.9."""

from __future__ import annotations

import inspect
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

from tests import support
from tests.support import needs
from warmpath import Replica, _settings


def run(*command: str, **variables: str) -> str:
    done = subprocess.run(
        command,
        cwd=support.PACKAGE,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)} gave {done.returncode}:\n{done.stdout}")
    return done.stdout


def python39() -> str | None:
    """A Python 3.9 of this machine: on the path, or one of pyenv's."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = [shutil.which("python3.9"), *sorted(str(each) for each in root.glob("versions/3.9*/bin/python3.9"))]
    for each in found:
        if each is not None and subprocess.run([each, "--version"], capture_output=True, timeout=60).returncode == 0:
            return each
    return None


class Package(unittest.TestCase):
    @needs("setuptools", "pip")
    def test_the_wheel_has_the_types_needs_nothing_and_works_when_installed(self) -> None:
        with tempfile.TemporaryDirectory(prefix="warmpath-test-python-") as folder:
            source, wheels, target = (Path(folder) / name for name in ("source", "wheels", "target"))
            # Building writes into the source.
            shutil.copytree(support.PACKAGE, source, ignore=shutil.ignore_patterns(".venv", "tests", ".*_cache", "__pycache__"))
            pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
            run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", str(wheels), str(source))
            (wheel,) = wheels.glob("*.whl")
            self.assertRegex(wheel.name, r"^warmpath-[\d.]+-py3-none-any\.whl$")
            with zipfile.ZipFile(wheel) as archive:
                names = archive.namelist()
                metadata = archive.read(next(name for name in names if name.endswith("/METADATA"))).decode()
            self.assertIn("warmpath/py.typed", names)
            self.assertEqual([name for name in names if "test" in name or not name.startswith("warmpath")], [])
            self.assertIn("Requires-Python: >=3.9", metadata)
            self.assertNotIn("Requires-Dist", metadata)
            run(*pip, "install", "--no-index", "--no-deps", "--quiet", "--target", str(target), str(wheel))
            code = (
                f"import sys; sys.path[:0] = [{str(target)!r}]; import warmpath.asgi, warmpath.client; print(warmpath.__file__)"
            )
            self.assertTrue(run(sys.executable, "-I", "-c", code).startswith(str(target)))

    @needs("mypy", "fal", "requests")
    def test_its_types_are_strict_for_3_9_and_its_tests_are_typed(self) -> None:
        with tempfile.TemporaryDirectory(prefix="warmpath-test-python-") as folder:
            mypy = (sys.executable, "-m", "mypy", "--strict", f"--cache-dir={folder}")
            run(*mypy, "--python-version", "3.9", "warmpath")
            run(*mypy, "--python-version", f"3.{sys.version_info[1]}", "tests")

    @needs("ruff")
    def test_its_style(self) -> None:
        for each in (".", "../../examples/fal-app"):
            for command in (["check"], ["format", "--check"]):
                run(sys.executable, "-m", "ruff", *command, "--no-cache", "--config", "pyproject.toml", each)

    def test_it_imports_the_standard_library_alone(self) -> None:
        code = "import sys, warmpath.asgi, warmpath.client, warmpath.signature, warmpath.__main__; print(*sys.modules)"
        # -I and -S: no site-packages.
        said = run(sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(support.PACKAGE)!r}); {code}")
        others = {name.split(".")[0] for name in said.split()} - {"warmpath", "__main__"}
        if sys.version_info >= (3, 10):
            self.assertEqual({each for each in others if each not in sys.stdlib_module_names}, set())

    def test_the_readme_names_every_argument_and_variable_and_its_code_is_python(self) -> None:
        readme = (support.PACKAGE / "README.md").read_text()
        table = dict(re.findall(r"^\| `(\w+)` +\| (?:`(\w+)`)? *\|", readme, re.MULTILINE))
        self.assertEqual(set(table), set(inspect.signature(Replica.__init__).parameters) - {"self"})
        for name, (variable, *_) in _settings.VARIABLES.items():
            self.assertEqual(table.get(name, variable), variable)
            self.assertIn(variable, readme)
        blocks = re.findall(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
        self.assertGreater(len(blocks), 3)
        for block in blocks:
            compile(block, "README.md", "exec")

    def test_it_runs_on_3_9(self) -> None:
        python = python39()
        if python is None:
            # The types and the style above are still checked for it.
            self.skipTest("there is no Python 3.9 here")
        # What needs packages is skipped there.
        modules = [f"tests.test_{name}" for name in ("settings", "pure", "signals", "asgi", "client", "command")]
        said = run(python, "-W", "error", "-m", "unittest", *modules, REQUIRE_PYTHON="", PYTHONDONTWRITEBYTECODE="1")
        self.assertRegex(said, r"\nOK \(skipped=\d+\)\n$")


if __name__ == "__main__":
    unittest.main()
