"""Bitrix24: deals, leads, contacts and companies; tables are smart processes; pages open inside the portal."""

from connectors.bitrix24.crm import crm
from connectors.bitrix24.doctor import doctor
from connectors.bitrix24.identity import identity
from connectors.bitrix24.intake import intake
from connectors.bitrix24.settings import SETTINGS
from connectors.bitrix24.setup import setup
from kernel.extension import Connector

connector = Connector(
    name="bitrix24",
    title="Битрикс24",
    settings=SETTINGS,
    intake=intake,
    identity=identity,
    setup=setup,
    crm=crm,
    doctor=doctor,
)
