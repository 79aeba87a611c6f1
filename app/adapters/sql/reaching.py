"""What a database that cannot do something now is to those who ask: `Unavailable`."""

from __future__ import annotations

from typing import Final

from sqlalchemy.exc import DatabaseError, DataError, IntegrityError, ProgrammingError, ResourceClosedError

from app.ports.outside import Unavailable


class Reaching:
    """Turns what the database cannot do now into `Unavailable`; what we did wrong stays what it is."""

    def __enter__(self) -> None:
        """Begin; there is nothing to keep."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Look at what came."""
        ours = isinstance(error, (DataError, IntegrityError, ProgrammingError))
        if not ours and isinstance(error, (DatabaseError, ResourceClosedError)):
            raise Unavailable from error


REACHING: Final = Reaching()
