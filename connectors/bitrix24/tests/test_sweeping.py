"""What the sweep may cost."""

import pytest

from connectors.bitrix24 import connector as bitrix24
from connectors.bitrix24.limits import BUCKETS


@pytest.mark.row("PL-15")
@pytest.mark.parametrize(("plan", "leak"), [(plan, leak) for plan, (_size, leak) in BUCKETS.items()])
@pytest.mark.parametrize("share", ["1.0", "0.5"])
def test_an_idle_portal_is_asked_for_less_than_a_twentieth_of_its_budget(plan, leak, share):
    caught = bitrix24.sweeping({"BITRIX24_PLAN": plan, "BITRIX24_BUCKET_SHARE": share})
    assert (1 + 1 / caught.existing_turns) / caught.every_seconds <= 0.05 * leak * float(share)
    assert caught.every_seconds <= 30 and caught.calm_seconds == caught.every_seconds


def test_a_box_has_no_limits_and_is_still_not_asked_all_the_time():
    assert bitrix24.sweeping({"BITRIX24_PLAN": "box"}).every_seconds >= 1
