"""Bitrix24: deals, leads, contacts and companies; tables are smart processes; pages open inside the portal."""

from connectors.bitrix24.crm import crm
from connectors.bitrix24.doctor import doctor
from connectors.bitrix24.identity import identity
from connectors.bitrix24.intake import intake
from connectors.bitrix24.settings import SETTINGS, framed_by, sweeping
from connectors.bitrix24.setup import setup
from kernel.extension import Connector

connector = Connector(
    name="bitrix24",
    title="Битрикс24",
    settings=SETTINGS,
    intake=intake,
    identity=identity,
    framed_by=framed_by,
    setup=setup,
    crm=crm,
    sweeping=sweeping,
    doctor=doctor,
)
