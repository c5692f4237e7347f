"""Changing a row is ``dataclasses.replace``, only faster."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.domain.changes import changed
from orchestrator.domain.devices import Claim, Device


def test_a_changed_row_equals_a_replaced_one_and_leaves_the_first_alone():
    device = Device(namespace="default", device_id="B1", tags={"a": "b"})
    after = changed(device, clicks=3, claim=Claim(epoch=2))
    assert after == replace(device, clicks=3, claim=Claim(epoch=2))
    assert device.clicks == 0


def test_a_field_that_does_not_exist_is_named():
    with pytest.raises(TypeError, match="Claim has no field ownr"):
        changed(Claim(), ownr="me")
