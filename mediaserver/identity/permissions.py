"""Who may do what: the one table of permission by role, from which doors and tests are made.

A route names one permission (`mediaserver.http.api`); a role holds it or not. What a person may do *to a
certain thing* (this visit, this account) is for the service that holds the thing: a permission is the
right to ask. Plugins bring rows of their own, under their name: `waiting_room.settings`.

Patients, carers and interpreters come by a link, which is a right to their own visit and no permission.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum

from mediaserver.model.roles import Role

_PLUGIN_PERMISSION = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_.]*")


class Permission(StrEnum):
    """A right of the core; its value is what routes, keys' scopes and documents say."""

    SESSIONS_OWN = "sessions.own"  # one's own sessions, password and second factors
    SESSIONS_MANAGE = "sessions.manage"  # those of others
    ACCOUNTS_READ = "accounts.read"
    ACCOUNTS_MANAGE = "accounts.manage"
    COLLEAGUES_LIST = "colleagues.list"  # names of those a visit may be handed to
    KEYS_MANAGE = "keys.manage"  # developer keys
    VISITS_LIST = "visits.list"
    VISITS_READ = "visits.read"
    VISITS_ADMIT = "visits.admit"
    VISITS_SEND_BACK = "visits.send_back"
    VISITS_TRANSFER = "visits.transfer"
    VISITS_MANAGE = "visits.manage"  # book, change, cancel, and who is expected
    LINKS_MANAGE = "links.manage"
    CONSENT_READ = "consent.read"
    CONSENT_MANAGE = "consent.manage"  # the forms and their versions
    AUDIT_READ = "audit.read"
    AUDIT_EXPORT = "audit.export"
    BREAKGLASS_USE = "breakglass.use"
    BREAKGLASS_REVIEW = "breakglass.review"
    ROOMS_MANAGE = "rooms.manage"
    PLUGINS_READ = "plugins.read"
    SETTINGS_READ = "settings.read"
    SETTINGS_MANAGE = "settings.manage"


_CLINICIAN, _DESK, _OPERATOR = Role.CLINICIAN, Role.FRONT_DESK, Role.OPERATOR
_COMPLIANCE, _ADMIN, _DEVELOPER = Role.COMPLIANCE, Role.ADMINISTRATOR, Role.DEVELOPER

# Roles of people who sign in. DEVELOPER is what a developer key has, never a person's.
STAFF = frozenset({_CLINICIAN, _DESK, _OPERATOR, _COMPLIANCE, _ADMIN})

# An administrator manages accounts and sees no patient; who proves what others did (compliance) does
# nothing that needs proof but reading. A developer's row is the most that a key's scopes can name.
PERMISSIONS: Mapping[str, frozenset[Role]] = {
    Permission.SESSIONS_OWN: STAFF,
    Permission.SESSIONS_MANAGE: frozenset({_ADMIN}),
    Permission.ACCOUNTS_READ: frozenset({_ADMIN, _COMPLIANCE}),
    Permission.ACCOUNTS_MANAGE: frozenset({_ADMIN}),
    Permission.COLLEAGUES_LIST: frozenset({_CLINICIAN, _DESK}),
    Permission.KEYS_MANAGE: frozenset({_ADMIN}),
    Permission.VISITS_LIST: frozenset({_CLINICIAN, _DESK, _DEVELOPER}),
    Permission.VISITS_READ: frozenset({_CLINICIAN, _DESK, _DEVELOPER}),
    Permission.VISITS_ADMIT: frozenset({_CLINICIAN, _DESK}),
    Permission.VISITS_SEND_BACK: frozenset({_CLINICIAN, _DESK}),
    Permission.VISITS_TRANSFER: frozenset({_CLINICIAN, _DESK}),
    Permission.VISITS_MANAGE: frozenset({_CLINICIAN, _DESK, _DEVELOPER}),
    Permission.LINKS_MANAGE: frozenset({_CLINICIAN, _DESK, _DEVELOPER}),
    Permission.CONSENT_READ: frozenset({_CLINICIAN, _DESK, _COMPLIANCE}),
    Permission.CONSENT_MANAGE: frozenset({_ADMIN}),
    Permission.AUDIT_READ: frozenset({_COMPLIANCE}),
    Permission.AUDIT_EXPORT: frozenset({_COMPLIANCE}),
    Permission.BREAKGLASS_USE: frozenset({_CLINICIAN}),
    Permission.BREAKGLASS_REVIEW: frozenset({_COMPLIANCE}),
    Permission.ROOMS_MANAGE: frozenset({_OPERATOR, _ADMIN, _DEVELOPER}),
    Permission.PLUGINS_READ: frozenset({_OPERATOR, _ADMIN, _DEVELOPER}),
    Permission.SETTINGS_READ: frozenset({_OPERATOR, _ADMIN}),
    Permission.SETTINGS_MANAGE: frozenset({_ADMIN}),
}


class PermissionTable:
    """The core's table and the plugins' rows."""

    def __init__(self, rows: Mapping[str, frozenset[Role]] = PERMISSIONS) -> None:
        self._rows = dict(rows)

    def __contains__(self, permission: str) -> bool:
        return permission in self._rows

    def add(self, plugin: str, rows: Mapping[str, Iterable[Role]]) -> None:
        """A plugin's rows. Raises ValueError for a name that is not `plugin.something`, or that exists."""
        for name, roles in rows.items():
            if not name.startswith(f"{plugin}.") or not _PLUGIN_PERMISSION.fullmatch(name):
                raise ValueError(f"a permission of {plugin} is named {plugin}.something, not {name}")
            if name in self._rows:
                raise ValueError(f"there is a permission {name} already")
            self._rows[name] = frozenset(roles)

    def roles(self, permission: str) -> frozenset[Role]:
        """Roles that hold a permission. KeyError for one that nobody declared."""
        return self._rows[permission]

    def of(self, roles: Iterable[Role]) -> frozenset[str]:
        """All permissions of someone with these roles."""
        held = frozenset(roles)
        return frozenset(name for name, holders in self._rows.items() if not holders.isdisjoint(held))

    def names(self) -> frozenset[str]:
        """Every permission there is."""
        return frozenset(self._rows)
