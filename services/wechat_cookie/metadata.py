"""The one MetaData that all tables of this service register with."""

from sqlalchemy import MetaData

# PostgreSQL's own default names, so that a name in an error does not depend on how the constraint was made.
# Checks are named by hand.
metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    }
)
