"""Applications of the state portal (ЕПГУ, СМЭВ), as the broker's own certified adapter hands them over."""

from connectors.state.doctor import doctor
from connectors.state.receive import receive, schema
from connectors.state.settings import SETTINGS
from kernel.extension import Connector

connector = Connector(
    name="state", title="State portal", settings=SETTINGS, receive=receive, at_portal=True,
    published={"application.xsd": schema}, doctor=doctor,
)  # fmt: skip
