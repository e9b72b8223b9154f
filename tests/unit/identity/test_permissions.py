"""The table is whole, and says what was meant of the roles that must be kept apart."""

from __future__ import annotations

import pytest

from mediaserver.identity.permissions import PERMISSIONS, STAFF, Permission, PermissionTable
from mediaserver.model.roles import Role


def test_every_permission_has_a_row_and_every_row_a_permission() -> None:
    assert set(PERMISSIONS) == set(Permission)
    assert all(PERMISSIONS.values()), "a permission that nobody has is a route that nobody reaches"


@pytest.mark.parametrize("role", [Role.PATIENT, Role.CARER, Role.INTERPRETER])
def test_who_comes_by_a_link_has_no_permission_at_all(role: Role) -> None:
    assert PermissionTable().of({role}) == frozenset()


def test_an_administrator_sees_no_patient() -> None:
    held = PermissionTable().of({Role.ADMINISTRATOR})
    assert not {name for name in held if name.startswith(("visits.", "links.", "audit.", "breakglass."))}


def test_who_reviews_never_does_what_is_reviewed() -> None:
    reviewers = PERMISSIONS[Permission.BREAKGLASS_REVIEW] | PERMISSIONS[Permission.AUDIT_READ]
    assert reviewers.isdisjoint(PERMISSIONS[Permission.BREAKGLASS_USE])
    assert reviewers.isdisjoint(PERMISSIONS[Permission.ACCOUNTS_MANAGE])


def test_all_who_sign_in_see_their_own_sessions() -> None:
    assert PERMISSIONS[Permission.SESSIONS_OWN] == STAFF


def test_a_plugin_adds_rows_under_its_own_name_only() -> None:
    table = PermissionTable()
    table.add("waiting_room", {"waiting_room.settings": [Role.ADMINISTRATOR]})
    assert "waiting_room.settings" in table.of({Role.ADMINISTRATOR})
    assert "waiting_room.settings" not in PermissionTable(), "tables share nothing"
    for name in ("visits.admit", "other.settings", "waiting_room", "waiting_room.", "waiting_room.A"):
        with pytest.raises(ValueError):
            table.add("waiting_room", {name: [Role.PATIENT]})
    with pytest.raises(ValueError):
        table.add("waiting_room", {"waiting_room.settings": [Role.PATIENT]})
