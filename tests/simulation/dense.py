"""Worlds in which everybody does everything: whatever a rule is for happens in a few of them."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.simulation.plan import Plan, draw_plan


def dense_plan(seed: int) -> Plan:
    """As the seed draws it, with more of what is rare. Every other world is in production."""
    drawn = draw_plan(seed)
    return replace(
        drawn,
        production=bool(seed % 2),
        keyless=False,
        unregistered=False,
        devices=3,
        stations=(drawn.stations * 2)[:3],
        claims_each=4,
        weather=replace(drawn.weather, delay_s=(0.001, 1.5), lose=0.2, duplicate=0.3),
        line=replace(drawn.line, lose_reply=0.15, twice=0.2),
        pause_s=5.0,
        presses_right=1.0,
        presses_eager=0.5,
        presses_stray=0.05,
        heard_by_station=0.3,
        retained=0.2,
        hostile=0.05,
        claim_codes=0.15,
        discoveries=0.4,
        impatient=0.2,
        callbacks=1.0,
        receiver_fails=0.3,
        meddling=1.0,
        unclaims=0.8,
        disk_s=(0.001, 0.1),
        power_cuts=3,
        full_disks=2,
        line_cuts=3,
        station_kills=2,
        wall_steps=3,
        clock_step_ms=3_000 if seed % 4 == 3 else 0,
    )
