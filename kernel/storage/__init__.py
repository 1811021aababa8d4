"""SQLite and PostgreSQL, units of work, migrations, copies."""

from kernel.storage.database import Database
from kernel.storage.migrate import MigrationSet, installed_at, migrate
from kernel.storage.tx import Row, Tx

__all__ = ["Database", "MigrationSet", "Row", "Tx", "installed_at", "migrate"]
