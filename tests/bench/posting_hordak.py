"""The same operation in django-hordak; run by posting.py with the interpreter of another environment.

The database's address is the argument; each line on standard input is how many operations to post, each in a
transaction or `together` in one; each answer is the seconds it took. Needs nothing of ours.
"""

# mypy: ignore-errors
from __future__ import annotations

import json
import sys
import time
from contextlib import nullcontext
from importlib.metadata import version

import django
from django.conf import settings


def main() -> None:
    database = {"ENGINE": "django.db.backends.postgresql", **json.loads(sys.argv[1])}
    settings.configure(
        DATABASES={"default": database},
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "mptt", "hordak"],
        DEFAULT_AUTO_FIELD="django.db.models.AutoField", SECRET_KEY="x", DEFAULT_CURRENCY="USD", CURRENCIES=["USD", "UAH"],
        USE_TZ=True,
    )  # fmt: skip
    django.setup()
    from django.core.management import call_command
    from django.db import transaction
    from hordak.models import Account, Leg, Transaction
    from moneyed import Money

    call_command("migrate", verbosity=0)
    clients = [
        Account.objects.create(name=f"c{n}", code=f"{n:03}", type="LI", currencies=["USD", "UAH"]) for n in range(500)
    ]
    trading = Account.objects.create(name="trading", code="900", type="EQ", currencies=["USD", "UAH"])
    print(f"django-hordak {version('django-hordak')}", flush=True)
    count = 0
    for line in sys.stdin:
        number, together = line.split()
        began = time.perf_counter()
        with transaction.atomic() if together == "together" else nullcontext():
            for _ in range(int(number)):
                with transaction.atomic():
                    made = Transaction.objects.create(description=f"d{count}")
                    client = clients[count % 500]
                    usd, uah = Money(10 + count / 100, "USD"), Money(412 + count / 100, "UAH")
                    Leg.objects.create(transaction=made, account=client, debit=usd)
                    Leg.objects.create(transaction=made, account=trading, credit=usd)
                    Leg.objects.create(transaction=made, account=trading, debit=uah)
                    Leg.objects.create(transaction=made, account=client, credit=uah)
                count += 1
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
