"""Planfix: deals are tasks of an object, contacts are contacts, child rows are rows of a data tag."""

from connectors.planfix.crm import crm
from connectors.planfix.doctor import doctor
from connectors.planfix.intake import intake
from connectors.planfix.settings import SETTINGS
from kernel.extension import Connector

connector = Connector(name="planfix", title="Planfix", settings=SETTINGS, intake=intake, crm=crm, doctor=doctor)
