"""Histories invented by hypothesis: whatever happens, the invariants hold."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from orchestrator.domain.errors import (
    ClaimCodeRefusedError,
    NoClaimOpenError,
    PressNotSeenError,
    RefusedError,
    StaleEpochError,
    TakenError,
    TooManyInitiatesError,
    UnknownDeviceError,
)
from orchestrator.domain.ids import Caller
from orchestrator.units import AttemptQuery, EventQuery
from tests.claims.bench import Bench

WINDOW_MS = 120_000
FINALIZE_MS = 60_000
CALLERS = [
    Caller("default", "111122223333", "KEY1"),
    Caller("default", "444455556666", "KEY2"),
    Caller("elsewhere", "111122223333", "KEY3"),
]
NAMESPACES = ["default", "elsewhere"]
DEVICES = ["B1", "B2"]


@dataclass
class Model:
    """What a claim should be, told without the table."""

    owner: str | None = None
    claimed: bool = False
    deadline_ms: int = 0
    pressed: bool = False
    epoch: int = 0
    vain: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def settle(self, now_ms: int) -> None:
        if self.owner and not self.claimed and now_ms >= self.deadline_ms:
            self.owner, self.pressed = None, False

    @property
    def state(self) -> str:
        if self.owner is None:
            return "UNCLAIMED"
        return "CLAIMED" if self.claimed else "CLAIM_INITIATED"


class ClaimMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.bench = Bench()
        self.models = {(ns, one): Model() for ns in NAMESPACES for one in DEVICES}
        self.codes: dict[str, str] = {}
        self.code_users: dict[str, str] = {}
        self.presses: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.sent: list[tuple] = []
        self.number = 0

    def teardown(self) -> None:
        self.loop.close()

    def run(self, awaitable):
        return self.loop.run_until_complete(awaitable)

    @property
    def now_ms(self) -> int:
        return self.bench.clock.now_ms()

    def model(self, caller: Caller, device_id: str) -> Model:
        model = self.models[caller.namespace, device_id]
        model.settle(self.now_ms)
        return model

    def expect(self, awaitable, error: type[RefusedError] | None):
        if error is None:
            return self.run(awaitable)
        with pytest.raises(error):
            self.run(awaitable)
        return None

    @initialize()
    def make_codes(self) -> None:
        for namespace in NAMESPACES:
            self.run(self.bench.registry.add(namespace, DEVICES))
            self.codes[namespace] = self.run(
                self.bench.registry.create_claim_code(namespace, DEVICES)
            )

    @rule(caller=st.sampled_from(CALLERS), device_id=st.sampled_from(DEVICES))
    def initiate(self, caller: Caller, device_id: str) -> None:
        model = self.model(caller, device_id)
        error: type[RefusedError] | None = None
        vain = list(model.vain[caller.account][-20:])
        if model.claimed or model.owner not in {None, caller.account}:
            error = TakenError
        elif len(vain) == 20 and self.now_ms - vain[-1] < 600_000:
            error = TooManyInitiatesError
        self.number += 1
        invocation = f"i{self.number}"
        answer = self.expect(
            self.bench.service.initiate(caller, device_id, invocation=invocation), error
        )
        if error:
            return
        model.epoch += 1
        assert answer.epoch == model.epoch
        assert answer.deadline_ms == self.now_ms + WINDOW_MS
        model.owner, model.pressed = caller.account, False
        model.deadline_ms = answer.deadline_ms
        if vain and self.now_ms - vain[-1] >= 600_000:
            model.vain[caller.account].clear()
        model.vain[caller.account].append(self.now_ms)
        self.sent.append((self.now_ms, "initiate", caller, device_id, invocation, answer))

    @rule(
        namespace=st.sampled_from(NAMESPACES),
        device_id=st.sampled_from(DEVICES),
        repeat=st.booleans(),
    )
    def click(self, namespace: str, device_id: str, repeat: bool) -> None:
        model = self.models[namespace, device_id]
        model.settle(self.now_ms)
        earlier = self.presses[namespace, device_id]
        repeated = repeat and bool(earlier)
        press_id = earlier[-1] if repeated else f"press-{self.number}-{len(earlier)}"
        if not repeated:
            earlier.append(press_id)
        event = self.run(self.bench.click(device_id, press_id=press_id, namespace=namespace))
        if repeated:
            assert event.disposition == "DUPLICATE"
        elif model.claimed:
            assert event.disposition == "DELIVERED"
        elif model.owner is None:
            assert event.disposition in {"NO_CLAIM", "LATE"}
        elif model.pressed:
            assert event.disposition == "LATE"
        else:
            assert event.disposition == "MATCHED"
            model.pressed = True
            model.deadline_ms = max(model.deadline_ms, self.now_ms + FINALIZE_MS)
            model.vain.clear()

    @rule(
        caller=st.sampled_from(CALLERS),
        device_id=st.sampled_from(DEVICES),
        epoch=st.sampled_from(["none", "current", "stale"]),
    )
    def finalize(self, caller: Caller, device_id: str, epoch: str) -> None:
        model = self.model(caller, device_id)
        if_epoch = {"none": None, "current": model.epoch, "stale": model.epoch - 1}[epoch]
        error: type[RefusedError] | None = None
        if model.owner is None:
            error = NoClaimOpenError
        elif model.owner != caller.account:
            error = TakenError
        elif epoch == "stale":
            error = StaleEpochError
        elif model.claimed:
            error = TakenError
        elif not model.pressed:
            error = PressNotSeenError
        self.number += 1
        invocation = f"f{self.number}"
        answer = self.expect(
            self.bench.service.finalize(
                caller, device_id, if_epoch=if_epoch, invocation=invocation
            ),
            error,
        )
        if error is None:
            assert answer == "CLAIMED"
            model.claimed = True
            model.vain.clear()
            self.sent.append((self.now_ms, "finalize", caller, device_id, invocation, answer))

    @rule(
        caller=st.sampled_from(CALLERS),
        device_id=st.sampled_from(DEVICES),
        only_pending=st.booleans(),
    )
    def unclaim(self, caller: Caller, device_id: str, only_pending: bool) -> None:
        model = self.model(caller, device_id)
        error: type[RefusedError] | None = None
        if model.owner != caller.account:
            error = UnknownDeviceError
        elif only_pending and model.claimed:
            error = StaleEpochError
        self.expect(
            self.bench.service.unclaim(
                caller, device_id, if_state="CLAIM_INITIATED" if only_pending else None
            ),
            error,
        )
        if error is None:
            model.owner, model.claimed, model.pressed = None, False, False

    @rule(caller=st.sampled_from(CALLERS))
    def claim_code(self, caller: Caller) -> None:
        models = [self.model(caller, one) for one in DEVICES]
        user = self.code_users.get(caller.namespace)
        taken = any(one.claimed and one.owner != caller.account for one in models)
        refused = user not in {None, caller.account} or (user is None and taken)
        error = ClaimCodeRefusedError if refused else None
        try:
            answer = self.run(
                self.bench.service.claim_by_code(caller, self.codes[caller.namespace])
            )
        except ClaimCodeRefusedError:
            # Ten failed tries close the door for ten minutes, for a good code too.
            return
        assert error is None
        assert answer.total == len(DEVICES)
        if user is not None:
            return
        self.code_users[caller.namespace] = caller.account
        for model in models:
            if model.claimed:
                continue
            model.owner, model.claimed, model.pressed = caller.account, True, False
            model.epoch += 1
            model.vain.clear()

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        sent_ms, what, caller, device_id, invocation, answer = data.draw(
            st.sampled_from(self.sent[-5:])
        )
        if self.now_ms - sent_ms >= 600_000:
            return
        operation = getattr(self.bench.service, what)
        assert self.run(operation(caller, device_id, invocation=invocation)) == answer

    @rule(ms=st.sampled_from([1, 1_000, 59_999, 60_000, 119_999, 120_000, 600_000]))
    def wait(self, ms: int) -> None:
        self.bench.clock.move(ms)

    @rule()
    def timer(self) -> None:
        self.run(self.bench.service.expire_due())

    @invariant()
    def the_device_is_what_the_model_says(self) -> None:
        for (namespace, device_id), model in self.models.items():
            model.settle(self.now_ms)
            device = self.run(self.bench.store.device(namespace, device_id))
            if device is None:
                continue
            claim = device.claim
            over = claim.deadline_ms is not None and self.now_ms >= claim.deadline_ms
            state = "UNCLAIMED" if over else claim.state
            assert (state, claim.epoch) == (model.state, model.epoch)
            assert over or claim.owner == model.owner

    @invariant()
    def records_equal_states_and_clicks_count_once(self) -> None:
        for namespace in NAMESPACES:
            attempts = self.run(
                self.bench.store.attempts(AttemptQuery(namespace=namespace, limit=10_000))
            )
            events = self.run(
                self.bench.store.events(EventQuery(namespace=namespace, limit=10_000))
            )
            matched = {event.event_id: event for event in events if event.disposition == "MATCHED"}
            counted: list[str] = []
            for attempt in attempts:
                clicks = [mark for mark in attempt.timeline if mark.what == "click"]
                assert len(clicks) <= 1
                assert (attempt.outcome is None) == (attempt.ended_ms is None)
                for mark in clicks:
                    event = matched[mark.detail["eventId"]]
                    counted.append(event.event_id)
                    assert event.device_id == attempt.device_id
                    assert event.epoch == attempt.epoch
                    assert attempt.opened_ms <= event.received_ms < attempt.deadline_ms
                if attempt.outcome == "CLAIMED" and attempt.via == "click":
                    (mark,) = clicks
                    assert attempt.opened_ms <= mark.at_ms <= attempt.ended_ms
                    assert attempt.ended_ms < attempt.deadline_ms
            assert len(counted) == len(set(counted)) == len(matched)
            for device_id in DEVICES:
                held = [
                    attempt
                    for attempt in attempts
                    if attempt.device_id == device_id
                    and attempt.outcome == "CLAIMED"
                    and attempt.released_ms is None
                ]
                device = self.run(self.bench.store.device(namespace, device_id))
                if device is None:
                    continue
                claimed = device.claim.state == "CLAIMED"
                assert len(held) == claimed
                if claimed:
                    assert held[0].account == device.claim.owner
                    assert held[0].epoch == device.claim.epoch
                pending = [
                    one for one in attempts if one.device_id == device_id and one.outcome is None
                ]
                assert len(pending) == (device.claim.state == "CLAIM_INITIATED")


@pytest.mark.parametrize("examples", [30, pytest.param(120, marks=pytest.mark.slow)])
def test_whatever_happens_the_invariants_hold(examples):
    run_state_machine_as_test(
        ClaimMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
