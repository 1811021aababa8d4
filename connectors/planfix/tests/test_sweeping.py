"""What the sweep may cost: deals each time, contacts and what still exists every sixth time."""

import pytest

from connectors.planfix import connector as planfix


@pytest.mark.row("PL-15")
@pytest.mark.parametrize(("rate", "per_day"), [("1", "20000"), ("1", "100000"), ("1", "0"), ("5", "100000")])
def test_an_idle_portal_is_asked_for_less_than_a_twentieth_of_its_budget(rate, per_day):
    caught = planfix.sweeping({"PLANFIX_REQUESTS_PER_SECOND": rate, "PLANFIX_REQUESTS_PER_DAY": per_day})
    cost = 1 + 1 / caught.turns["contact"] + 1 / caught.existing_turns
    assert cost / caught.every_seconds <= 0.05 * float(rate)
    assert caught.every_seconds <= 30, "a portal that is back is asked within half a minute"
    if per_day != "0":
        assert cost / caught.calm_seconds * 86_400 <= 0.05 * float(per_day)
