"""SMS.RU: short texts to telephones."""

from connectors.sms_ru.doctor import doctor
from connectors.sms_ru.receive import receive
from connectors.sms_ru.settings import SETTINGS
from connectors.sms_ru.setup import setup
from connectors.sms_ru.texting import SmsRu
from kernel.extension import Connector
from kernel.extension.text_verbs import TEXT_VERBS

connector = Connector(
    name="sms_ru",
    title="SMS.RU",
    settings=SETTINGS,
    receive=receive,
    texting=SmsRu,
    verbs=TEXT_VERBS,
    setup=setup,
    doctor=doctor,
)
