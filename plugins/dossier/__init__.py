"""What the back office knows of a client, in the client's own card (rows BR-05, BR-06, BR-15, BR-19)."""

from datetime import timedelta
from pathlib import Path

from kernel.extension import Command, Plugin, RunsEvery
from kernel.extension.account_verbs import ACCOUNT_VERBS
from plugins.dossier import commands, keeping, logbook
from plugins.dossier.hooks import ANSWER_KEPT, CLIENT_CHANGED, CLIENT_FORGOTTEN, LOGGED, REGISTRATION
from plugins.dossier.pages import pages
from plugins.dossier.settings import DossierSettings

plugin = Plugin(
    name="dossier",
    title="Досье",
    settings=DossierSettings,
    connects={"source": "source"},
    asks=(ANSWER_KEPT, CLIENT_CHANGED, CLIENT_FORGOTTEN, LOGGED, REGISTRATION),
    asked=dict.fromkeys(ACCOUNT_VERBS, logbook.handed_over),
    every=(RunsEvery("dossier.tidy", timedelta(hours=1), keeping.tidy, "removes answers nobody opens, and old log lines"),),
    pages=pages,
    rights={"dossier": "a client's dossier, where the CRM shows them the card", "dossier.log": "the request log"},
    commands=(Command("dossier", "forget what the back office said of a client", commands.arguments, commands.command),),
    doctor=keeping.doctor,
    migrations=Path(__file__).parent / "migrations",
)
