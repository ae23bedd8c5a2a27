"""Who may bring files in, and take them out."""

from accounts import roles
from accounts.models import Role, User
from exchange.services.kind import FileKind, Kind


def may_import(user: User, kind: type[FileKind]) -> bool:
    """Say whether the table of roles lets `user` bring files of this kind in."""
    return user.is_active and roles.allows(
        Role(user.role), roles.PAGES[f"exchange:bring-{kind.slug}"]
    )


def may_export(user: User, kind: type[FileKind]) -> bool:
    """Say whether the table of roles lets `user` take files of this kind out, if there are any."""
    return (
        issubclass(kind, Kind)
        and user.is_active
        and roles.allows(Role(user.role), roles.PAGES[f"exchange:export-{kind.slug}"])
    )
