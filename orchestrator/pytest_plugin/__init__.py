"""The pytest plugin: which fixtures a test of yours gets, and what it is told when it fails.

It comes with the distribution and loads nothing until a test asks for a fixture. README.md beside
this file has examples.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from orchestrator.pytest_plugin.button import SimulatedButton
    from orchestrator.pytest_plugin.clock import NamespaceClock
    from orchestrator.pytest_plugin.faults import ClaimFaults
    from orchestrator.pytest_plugin.service import ClaimServiceUnderTest, Visitor

DEVICE = "G030PM0123456789"
"""The device id of ``simulated_button``."""
_SERVICE: pytest.StashKey[ClaimServiceUnderTest] = pytest.StashKey()


@pytest.fixture(scope="session")
def _claim_visitor(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Visitor]:
    """This process's way to the one service that all processes of the session share."""
    from orchestrator.pytest_plugin.packages import check_packages

    check_packages()
    from orchestrator.pytest_plugin.service import Visitor
    from orchestrator.pytest_plugin.sharing import joined

    base = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):  # a worker of pytest-xdist: its own is one below
        base = base.parent
    with joined(base / "clickclaim") as url, Visitor(url, base / "clickclaim") as visitor:
        yield visitor


@pytest.fixture(scope="session")
def claim_service_factory(_claim_visitor: Visitor) -> Callable[[], ClaimServiceUnderTest]:
    """Each call gives one more such as ``claim_service`` is, for fixtures of whatever scope."""
    return _claim_visitor.new_namespace


@pytest.fixture
def claim_service(request: pytest.FixtureRequest, _claim_visitor: Visitor) -> ClaimServiceUnderTest:
    """A claim service with a namespace, an account and a clock that are this test's alone."""
    service = request.node.stash[_SERVICE] = _claim_visitor.new_namespace()
    return service


@pytest.fixture
def simulated_button(claim_service: ClaimServiceUnderTest) -> SimulatedButton:
    """A button to click: ``await button.click("DOUBLE")`` or ``button.click_sync("DOUBLE")``."""
    return claim_service.button(DEVICE)


@pytest.fixture
def claim_client(claim_service: ClaimServiceUnderTest) -> Iterator[Any]:
    """What ``boto3.client("iot1click-devices")`` gives, wired to this test's service."""
    client = claim_service.client()
    yield client
    client.close()


@pytest.fixture
def virtual_clock(claim_service: ClaimServiceUnderTest) -> NamespaceClock:
    """This test's time: it stands still until ``advance(ms)`` or ``advance_sync(ms)``."""
    return claim_service.clock


@pytest.fixture
def claim_faults(claim_service: ClaimServiceUnderTest) -> Iterator[ClaimFaults]:
    """What goes wrong on purpose, for this test alone."""
    yield claim_service.faults
    claim_service.faults.clear()


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """``assert claim_service.outcome(device) == "CLAIMED"`` tells the device's story."""
    story = getattr(left, "claim_story", None) or getattr(right, "claim_story", None)
    if story is None:
        return None
    return [f"{left!s} {'is not' if op == '==' else op} {right!s}", *story.splitlines()]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that failed for any other reason gets the stories of its devices as a section."""
    report = yield
    if report.failed and call.when != "teardown" and call.excinfo:
        error = call.excinfo.value
        told = " ".join(str(error).split())  # an assert indents a story, and may cut it short
        services = [] if "claim_story" in dir(error) else _services_of(item)
        stories = [one for service in services for one in service.stories()]
        stories = [one for one in stories if " ".join(one.split()) not in told]
        if stories:
            report.sections.append(("clickclaim", "\n".join(stories)))
    return report


def _services_of(item: pytest.Item) -> list[ClaimServiceUnderTest]:
    """The services of this test: its own, and those that fixtures of any scope gave it."""
    own = item.stash.get(_SERVICE, None)
    given = dict.fromkeys([] if own is None else [own])
    if "claim_service_factory" in getattr(item, "fixturenames", ()):
        from orchestrator.pytest_plugin.service import ClaimServiceUnderTest

        values = (getattr(item, "funcargs", None) or {}).values()
        given |= dict.fromkeys(one for one in values if isinstance(one, ClaimServiceUnderTest))
    return list(given)
