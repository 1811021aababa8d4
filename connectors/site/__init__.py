"""A site's server that hands over what its visitors filled into a form."""

from connectors.site.doctor import doctor
from connectors.site.receive import receive
from connectors.site.settings import SETTINGS
from kernel.extension import Connector

connector = Connector(
    name="site", title="Site forms", settings=SETTINGS, receive=receive, methods=("POST", "OPTIONS"),
    at_portal=True, doctor=doctor
)  # fmt: skip
