"""Projects with tests of their own, run by a pytest of their own: empty ones and the example."""

from __future__ import annotations

import pytest

collect_ignore = ["example"]


@pytest.fixture
def project(pytester, monkeypatch):
    """An empty project, and a home where nothing is."""
    monkeypatch.setenv("HOME", str(pytester.path))
    # Only the plugins that matter here, ours by its entry point: others take a second to load.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini(
        """
        [pytest]
        asyncio_mode = auto
        asyncio_default_fixture_loop_scope = function
        filterwarnings = error
        """
    )
    return pytester


@pytest.fixture
def run_tests(project):
    """Runs the project's tests, each process with our plugin by its entry point."""

    def run_tests(*arguments: str):
        return project.runpytest_subprocess("-p", "clickclaim", "-p", "asyncio", *arguments)

    return run_tests
