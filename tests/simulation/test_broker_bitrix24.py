"""A sales department on an emulated Bitrix24, whatever staff, network and machines do: app/simulation says what that is."""

import pytest

from tests.simulation.stories import seeds, story

SET = "broker-bitrix24"


@pytest.mark.row("BR-02", "BR-03", "BR-04", "BR-07", "BR-08", "BR-09", "PL-02", "PL-03", "PL-15")
@pytest.mark.parametrize("seed", seeds(SET))
def test_whatever_happens_leads_have_one_manager_deals_stand_where_they_may_and_all_is_told_once(seed, tmp_path):
    story(seed, SET, tmp_path)
