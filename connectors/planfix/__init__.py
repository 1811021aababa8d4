"""Planfix: deals are tasks of an object, contacts are contacts, child rows are rows of a data tag."""

from connectors.planfix.crm import crm
from connectors.planfix.doctor import doctor
from connectors.planfix.intake import intake
from connectors.planfix.settings import SETTINGS, sweeping
from connectors.planfix.setup import setup
from kernel.extension import Connector

connector = Connector(
    name="planfix",
    title="Planfix",
    settings=SETTINGS,
    intake=intake,
    framed_by=lambda _settings: ("https://*.planfix.com", "https://*.planfix.ru"),
    setup=setup,
    crm=crm,
    sweeping=sweeping,
    doctor=doctor,
)
