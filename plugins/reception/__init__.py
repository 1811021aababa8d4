"""A request made in the CRM gets its card, its people and its next-contact date by itself (row EX-01)."""

from pathlib import Path

from kernel.extension import Plugin, Watch
from plugins.reception.handlers import client_made, deal_gone, deal_seen, find_client
from plugins.reception.settings import ReceptionSettings

plugin = Plugin(
    name="reception",
    title="Прийом звернень",
    settings=ReceptionSettings,
    fields={
        "deal": (
            "client", "client_name", "client_phone", "client_email", "client_telegram", "manager", "executor",
            "next_contact",
        ),
        "contact": ("name", "phone", "email", "telegram", "supervisors"),
    },
    watches=(Watch("deal", deal_seen, phase="fill", prepare=find_client, gone=deal_gone),),
    done={"reception.client_made": client_made},
    migrations=Path(__file__).parent / "migrations",
)  # fmt: skip
