"""What other plugins may use of the exchange desk."""

from plugins.exchange.board import Board, board
from plugins.exchange.model import Deal, Money, Operation, Party
from plugins.exchange.store import load_deal

__all__ = ["Board", "Deal", "Money", "Operation", "Party", "board", "load_deal"]
