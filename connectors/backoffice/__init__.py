"""Back office of a broker: SOAP and plain XML, as a mapping set declares them."""

from connectors.backoffice.doctor import doctor
from connectors.backoffice.settings import SETTINGS
from connectors.backoffice.source import BackOffice
from kernel.extension import Connector
from kernel.extension.account_verbs import ACCOUNT_VERBS

connector = Connector(
    name="backoffice",
    title="Back office",
    settings=SETTINGS,
    source=BackOffice,
    verbs=ACCOUNT_VERBS,
    doctor=doctor,
)
