"""Who may bring files in, and take them out."""

from accounts.models import User
from accounts.permissions import may
from exchange.services.kind import Kind


def may_import(user: User, kind: type[Kind]) -> bool:
    """Say whether `user` may add and change everything that files of this kind hold."""
    return all(may(user, action, label) for label in kind.permissions for action in kind.actions)


def may_export(user: User, kind: type[Kind]) -> bool:
    """Say whether `user` may see everything that files of this kind hold."""
    return all(may(user, "view", label) for label in kind.permissions)
