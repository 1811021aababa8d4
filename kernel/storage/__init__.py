"""SQLite and PostgreSQL, units of work, migrations, copies."""

from kernel.storage.database import Database, Row, Tx
from kernel.storage.migrate import Room, migrate

__all__ = ["Database", "Room", "Row", "Tx", "migrate"]
