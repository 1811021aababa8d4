"""Planfix: deals are tasks of an object, contacts are contacts, child rows are rows of a data tag."""

from connectors.planfix.crm import crm
from connectors.planfix.doctor import doctor
from connectors.planfix.receive import receive
from connectors.planfix.settings import SETTINGS, sweeping
from connectors.planfix.setup import setup
from kernel.extension import CRM_VERBS, Connector

connector = Connector(
    name="planfix",
    title="Planfix",
    settings=SETTINGS,
    receive=receive,
    framed_by=lambda _settings: ("https://*.planfix.com", "https://*.planfix.ru"),
    setup=setup,
    crm=crm,
    verbs=CRM_VERBS,
    sweeping=sweeping,
    doctor=doctor,
)
