"""A desk on an emulated Bitrix24, whatever staff, network and machines do: app/simulation says what that is."""

import pytest

from tests.simulation.stories import seeds, story

SET = "exchange-desk-bitrix24"


@pytest.mark.row("EX-05", "EX-09", "PL-02", "PL-03", "PL-04", "PL-15")
@pytest.mark.parametrize("seed", seeds(SET))
def test_whatever_happens_books_board_reports_and_crm_agree(seed, tmp_path):
    story(seed, SET, tmp_path)
