"""What other plugins may use of the exchange desk."""

from plugins.exchange.board import Board, board
from plugins.exchange.cards import partner_balances
from plugins.exchange.deleted import journal, owners
from plugins.exchange.model import Deal, Money, Operation, Party
from plugins.exchange.partner_history import PartnerOperation, Sums, by_month, open_deals, partner_operations, sums_of
from plugins.exchange.partner_side import PartnerLeg, partner_legs, partner_names, secrets_of
from plugins.exchange.store import load_deal

__all__ = [
    "Board", "Deal", "Money", "Operation", "PartnerLeg", "PartnerOperation", "Party", "Sums", "board", "by_month",
    "journal", "load_deal", "open_deals", "owners", "partner_balances", "partner_legs", "partner_names",
    "partner_operations", "secrets_of", "sums_of",
]  # fmt: skip
