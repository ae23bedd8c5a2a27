"""PostgreSQL and Valkey out of Python wheels, for a machine where nothing is installed.

The servers listen on unix sockets whose place follows from the checkout's path alone, so that
settings can name them without starting anything, and any process can join a running one.
"""

from atmr.embedded.folders import EmbeddedError
from atmr.embedded.services import Services

__all__ = ["EmbeddedError", "Services"]
