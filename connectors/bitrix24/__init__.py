"""Bitrix24: deals, leads, contacts and companies; tables are smart processes; pages open inside the portal."""

from connectors.bitrix24.crm import crm
from connectors.bitrix24.doctor import doctor
from connectors.bitrix24.receive import receive
from connectors.bitrix24.settings import SETTINGS, framed_by, sweeping
from connectors.bitrix24.setup import setup
from connectors.bitrix24.sign_in import prove, sign_in
from kernel.extension import CRM_VERBS, Connector

connector = Connector(
    name="bitrix24",
    title="Битрикс24",
    settings=SETTINGS,
    receive=receive,
    sign_in=sign_in,
    prove=prove,
    framed_by=framed_by,
    setup=setup,
    crm=crm,
    verbs=CRM_VERBS,
    sweeping=sweeping,
    doctor=doctor,
)
