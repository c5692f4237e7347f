"""Bugs to be found: each switched on by name, for one test, in production's own code.

Every one is a mistake that somebody could make in a line or two, and that the rules, the store or
the ingest are written to avoid. ``planted(name)`` is a context manager. Those of what stands
around a claim are in ``bugs_around``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hardware.families import native
from hardware.sources.mqtt_connection import Connection
from orchestrator.claims import answers, claiming, codes, context, deadlines, devices, registry
from orchestrator.claims.context import Context, MovedError, Plan
from orchestrator.claims.views import CodeClaimed
from orchestrator.domain import attempts, claims, dispositions
from orchestrator.domain.changes import changed
from orchestrator.domain.devices import CLAIMED
from orchestrator.domain.errors import ClickclaimError, UnknownDeviceError
from orchestrator.ingest import hearing, repeats
from orchestrator.ingest.pipeline import Ingest
from orchestrator.stores import files, groups, statements
from orchestrator.stores.cache import RowCache
from orchestrator.units import AddAnswer, Committed, StoredAnswer, SwapAttempt, SwapDevice
from tests.simulation import bugs_around
from tests.simulation.planting import BUGS, Bug, Patch, bug, changing, planted

# --- the store -----------------------------------------------------------------------------------


@bug("a device is stored whatever its version has become since it was read")
def swap_without_compare() -> list[Patch]:
    swap = statements._APPLY[SwapDevice]

    def without_compare(cursor: Any, op: SwapDevice) -> bool:
        key = (op.before.namespace, op.before.device_id)
        sql = "SELECT version FROM devices WHERE namespace = ? AND device_id = ?"
        ((version,),) = cursor.execute(sql, key).fetchall()
        return swap(cursor, SwapDevice(changed(op.before, version=version), op.after))

    return [(statements._APPLY, SwapDevice, without_compare)]


@bug("a group commit answers its units before the transaction is committed")
def group_answers_before_commit() -> list[Patch]:
    async def store(self: Any, group: Any) -> Any:
        await self._begin()
        outcomes = self._run_each(group)
        for unit, outcome in zip(group, outcomes, strict=True):
            if not isinstance(outcome, Exception) and not unit.answer.done():
                unit.answer.set_result(outcome)
        await asyncio.sleep(0)
        changes = self._cursor.changes
        self._cache.commit_begins(changes)
        await self.run_aside(self._commit)
        self._cache.commit_landed(changes)
        return outcomes

    return [(groups.GroupCommit, "_store", store)]


@bug("a commit returns without having been synced to the disk")
def commit_not_synced() -> list[Patch]:
    set_up = files._set_up_writing

    def unsynced(connection: Any) -> None:
        set_up(connection)
        connection.execute("PRAGMA synchronous = NORMAL")

    return [(files, "_set_up_writing", unsynced)]


@bug("rows that a commit has changed go on being read from the cache")
def stale_cache() -> list[Patch]:
    def begins(self: RowCache, changes: Any) -> None:
        self._committing = True

    def landed(self: RowCache, changes: Any) -> None:
        self._committing = False

    def look(self: RowCache) -> None:
        self._usable = True

    news = [("commit_begins", begins), ("commit_landed", landed), ("_look", look)]
    return [(RowCache, name, function) for name, function in news]


# --- what commits together -----------------------------------------------------------------------


@bug("when time is up, the device and its attempt change in two units")
def expiry_not_atomic() -> list[Patch]:
    async def commit(self: Context, plan: Plan[Any]) -> Any:
        ends = [one for one in plan.ops if isinstance(one, SwapAttempt)]
        if len(plan.ops) == 2 and ends and ends[0].after.outcome == "TIMED_OUT":
            await self.store.unit(plan.ops[:1])
            return await self.store.unit(plan.ops[1:])
        return await self.store.unit(plan.ops)

    return changing(commit)


@bug("a request is answered before what it changed is committed")
def answer_before_commit() -> list[Patch]:
    under_way = set()

    async def commit(self: Context, plan: Plan[Any]) -> Any:
        under_way.add(asyncio.ensure_future(self.store.unit(plan.ops)))
        return Committed()

    return changing(commit)


@bug("the answer for a request that is sent again is stored after the change, not with it")
def answers_stored_apart() -> list[Patch]:
    async def answer_once(
        context: Any, caller: Any, operation: str, invocation: Any, answer_type: Any, decide: Any
    ) -> Any:
        if invocation is None:
            return await context.change(decide)
        kept = await context.store.answer(caller.access_key, operation, invocation)
        if kept is not None:
            return answers.msgspec.json.decode(kept.body, type=answer_type)
        answer = await context.change(decide)
        stored = StoredAnswer(
            access_key=caller.access_key,
            operation=operation,
            invocation=invocation,
            answered_ms=context.clock.now_ms(),
            body=answers.msgspec.json.encode(answer),
        )
        await context.store.unit([AddAnswer(stored)])
        return answer

    return [(module, "answer_once", answer_once) for module in (claiming, codes)]


@bug("after a restart, nobody times the attempts that were open before")
def deadlines_forgotten_at_restart() -> list[Patch]:
    run = deadlines.run_deadlines

    async def run_deadlines(context: Context) -> None:
        context.deadline_moved.clear()
        await context.deadline_moved.wait()
        await run(context)

    return [(deadlines, "run_deadlines", run_deadlines)]


# --- the claim -----------------------------------------------------------------------------------


@bug("initiate leaves the epoch as it is")
def epoch_not_raised() -> list[Patch]:
    initiate = claims.initiate

    def same_epoch(claim: Any, **given: Any) -> Any:
        step = initiate(claim, **given)
        return replace(step, claim=changed(step.claim, epoch=max(1, claim.epoch)))

    return [(claims, "initiate", same_epoch)]


@bug("finalize and unclaim ignore the epoch that they are for")
def epoch_ignored() -> list[Patch]:
    return [(claims, "_check_epoch", lambda *_: None)]


@bug("at exactly its deadline, a window is still open")
def deadline_inclusive() -> list[Patch]:
    def is_over(claim: Any, now_ms: int) -> bool:
        return claim.deadline_ms is not None and now_ms > claim.deadline_ms

    return [(claims, "is_over", is_over), (dispositions, "is_over", is_over)]


@bug("a claim that is finalized can be finalized again")
def second_finalize() -> list[Patch]:
    end = attempts.ended

    async def any_attempt(self: Context, attempt_id: str) -> Any:
        found = await self.store.attempt(attempt_id)
        if found is None:
            raise MovedError
        return found

    def ended(attempt: Any, *how: Any) -> Any:
        return end(changed(attempt, outcome=None), *how)

    return [
        (claims.TABLE, ("CLAIMED", "finalize", "owner"), "CLAIMED"),
        (Context, "open_attempt", any_attempt),
        (context, "ended", ended),
    ]


def _releasing(keep: Callable[[Any], Any]) -> list[Patch]:
    """``released`` with another idea of what becomes of the attempt that had led to the claim."""
    release = claiming.released

    async def released(*given: Any) -> Any:
        plan = await release(*given)
        ops = [keep(one) for one in plan.ops]
        return replace(plan, ops=[one for one in ops if one is not None])

    return [(claiming, "released", released), (registry, "released", released)]


def _is_release(op: Any) -> bool:
    return isinstance(op, SwapAttempt) and op.after.released_ms is not None


@bug("a device is given up, and its record still says that it is held")
def unclaim_keeps_record() -> list[Patch]:
    return _releasing(lambda op: None if _is_release(op) else op)


@bug("giving a device up overwrites how its attempt ended")
def outcome_overwritten() -> list[Patch]:
    def overwrite(op: Any) -> Any:
        if not _is_release(op):
            return op
        return SwapAttempt(op.before, changed(op.after, outcome="CANCELLED"))

    return _releasing(overwrite)


@bug("a claim code works for everybody, also when it was used")
def code_without_compare() -> list[Patch]:
    async def claim_by_code(
        context: Context, tries: Any, caller: Any, code: str, invocation: Any
    ) -> Any:
        async def decide() -> Plan[CodeClaimed]:
            found = await context.store.claim_code(caller.namespace, code)
            assert found is not None
            answer = CodeClaimed(claim_code=code, total=len(found.device_ids))
            return await codes._claim_all(context, caller, found, answer)

        operation = f"ClaimDevicesByClaimCode {code}"
        return await codes.answer_once(context, caller, operation, invocation, CodeClaimed, decide)

    return [(codes, "claim_by_code", claim_by_code)]


# --- who may see what ----------------------------------------------------------------------------


@bug("a claimed device is shown to whoever asks")
def owner_not_asked() -> list[Patch]:
    async def owned_device(context: Context, caller: Any, device_id: str) -> Any:
        device = await context.store.device(caller.namespace, device_id)
        if device is None or device.claim.state != CLAIMED:
            raise UnknownDeviceError
        return device

    return [(devices, "owned_device", owned_device)]


@bug("an owner is shown the clicks of those who had the device before")
def events_of_every_epoch() -> list[Patch]:
    query = devices.EventQuery

    def of_every_epoch(**given: Any) -> Any:
        return query(**(given | {"epoch": None}))

    return [(devices, "EventQuery", of_every_epoch)]


@bug("the namespace in a topic is ignored: every button is the default one's")
def scope_ignored() -> list[Patch]:
    parse = native._parse_topic
    return [(native, "_parse_topic", lambda topic: ("default", parse(topic)[1]))]


# --- which clicks count --------------------------------------------------------------------------


def _heard(name: str, change: Callable[[Any], Any]) -> list[Patch]:
    """A rule of the dispositions that is told something else about the click."""
    rule = getattr(dispositions, name)
    return [(dispositions, name, lambda claim, heard, *rest: rule(claim, change(heard), *rest))]


@bug("a copy that the broker had retained counts as a press")
def retained_accepted() -> list[Patch]:
    return _heard("_old", lambda heard: replace(heard, retained=False))


@bug("a press that waited at the broker since before the claim counts")
def queued_accepted() -> list[Patch]:
    return _heard("_old", lambda heard: replace(heard, queued_since_ms=None))


@bug("a click counts although the window is over")
def click_after_deadline() -> list[Patch]:
    return [(dispositions, "is_over", lambda *_: False)]


@bug("a click counts although it was pressed before the claim")
def click_before_initiate() -> list[Patch]:
    timely = dispositions._timely

    def whenever(claim: Any, heard: Any, judgement: Any, *rest: Any) -> Any:
        first_ms = claim.initiated_ms or judgement.first_heard_ms
        return timely(claim, heard, replace(judgement, first_heard_ms=first_ms), *rest)

    return [(dispositions, "_timely", whenever)]


@bug("production takes simulated clicks")
def simulated_in_production() -> list[Patch]:
    unfit = dispositions._unfit
    return [
        (
            dispositions,
            "_unfit",
            lambda heard, policy: unfit(heard, replace(policy, take_simulated=True)),
        )
    ]


@bug("each message of a press is a new press")
def dedupe_key_dropped() -> list[Patch]:
    judge = repeats.judge

    def always_new(state: Any, press: Any, heard_ms: int) -> Any:
        judged = judge(state, press, heard_ms)
        new = judged._replace(verdict="NEW", first_heard_ms=heard_ms)
        return new if judged.verdict == "REPEAT" else judged

    return [(repeats, "judge", always_new)]


@bug("which press was the last is not stored with the device")
def counter_not_persisted() -> list[Patch]:
    judge = repeats._judge

    def forgetful(state: Any, click: Any, mark: Any) -> Any:
        return replace(judge(state, click, mark), state=state)

    return [(repeats, "_judge", forgetful)]


@bug("signatures are not looked at")
def signature_not_checked() -> list[Patch]:
    return [(native, "verify", lambda *_: True)]


@bug("the counter of a frame that nobody signed raises the mark")
def forged_counter_raises_mark() -> list[Patch]:
    note = hearing.Reader._note_counter

    async def note_counter(self: Any, namespace: str, device_id: str, said: Any) -> None:
        with contextlib.suppress(ValueError, KeyError):
            frame = json.loads(said.frame.payload)
            freshness = (frame["bootId"], frame["counter"])
            said = replace(said, authenticated=True, freshness=freshness)
        await note(self, namespace, device_id, said)

    return [(hearing.Reader, "_note_counter", note_counter)]


# --- what is acknowledged ------------------------------------------------------------------------


@bug("a message is acknowledged to the broker before it is handled")
def puback_before_commit() -> list[Patch]:
    async def nobody(_reports: Any) -> None:
        pass

    async def take_in(self: Any, supervisor: Any, frame: Any) -> None:
        await supervisor.acknowledge(frame)
        ear = self._contacts.ear(self._namespace, frame.source, takes_topics=True)
        await self._put(ear, frame, nobody)

    return [(Ingest, "_take_in", take_in)]


@bug("the MQTT marker passes clicks that are not committed yet")
def marker_passes_uncommitted() -> list[Patch]:
    def as_if_all_were_done(self: Connection, sent_ms: int) -> int:
        return sent_ms

    return [(Connection, "_handled_until_ms", as_if_all_were_done)]


@bug("a click that the store cannot take is given up")
def click_dropped_when_full() -> list[Patch]:
    async def ask_once(self: Any, ask: Any) -> Any:
        return await ask()

    async def read(self: Any, *given: Any) -> Any:
        try:
            return await before(self, *given)
        except ClickclaimError:
            return []

    before = hearing.Reader.read
    return [(hearing.Reader, "_insist", ask_once), (hearing.Reader, "read", read)]


# What was planted there is in the list, too.
assert bugs_around.__name__
__all__ = ["BUGS", "Bug", "planted"]
