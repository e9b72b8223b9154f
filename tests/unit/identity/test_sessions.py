"""Sessions: automatic logoff, revocation that reaches open connections, and nobody else's list."""

from __future__ import annotations

from dataclasses import replace

import pytest
from clinic_desk import HERE, RULES, Clinic

from mediaserver.identity.errors import StaleError, UnknownError
from mediaserver.identity.tables import session
from mediaserver.model.actors import Actor
from mediaserver.model.roles import Role


async def alive(clinic: Clinic, token: str, *, passive: bool = True) -> bool:
    return await clinic.desk.sessions.recognise(token, passive=passive) is not None


async def test_a_session_without_use_ends(clinic: Clinic) -> None:
    await clinic.person("rivera")
    token = (await clinic.sign_in("rivera")).token
    clinic.clock.advance(RULES.idle - 1)
    assert await alive(clinic, token)
    clinic.clock.advance(1)
    assert not await alive(clinic, token)
    assert [event.detail["reason"] for event in clinic.recorded.of("session.end")] == ["idle"]
    clinic.clock.advance(-60)
    assert not await alive(clinic, token), "over is over, also when the clock steps back"


async def test_use_puts_logoff_off_and_polling_does_not(clinic: Clinic) -> None:
    await clinic.person("rivera")
    used, polled = [(await clinic.sign_in("rivera")).token for _ in range(2)]
    for _ in range(3):
        clinic.clock.advance(RULES.idle * 0.6)
        assert await alive(clinic, used, passive=False)
        await alive(clinic, polled)
    assert not await alive(clinic, polled)


async def test_a_session_ends_after_its_day_whatever_is_done(clinic: Clinic) -> None:
    await clinic.person("rivera")
    token = (await clinic.sign_in("rivera")).token
    for _ in range(int(RULES.absolute / 600) - 1):
        clinic.clock.advance(600)
        assert await alive(clinic, token, passive=False)
    clinic.clock.advance(600)
    assert not await alive(clinic, token, passive=False)


async def test_what_an_administrator_takes_away_is_gone_with_the_next_request(clinic: Clinic) -> None:
    id = await clinic.person("rivera", Role.CLINICIAN, Role.COMPLIANCE)
    token = (await clinic.sign_in("rivera")).token
    changed = await clinic.desk.accounts.change(clinic.admin, id, version=2, roles=[Role.CLINICIAN])
    assert (await clinic.known(token)).roles == {Role.CLINICIAN}
    ended: list[str] = []
    clinic.desk.sessions.attend(await clinic.known(token), ended.append)
    await clinic.desk.accounts.change(clinic.admin, id, version=changed.version, disabled=True)
    assert not await alive(clinic, token)
    assert ended == ["disabled"]


async def test_open_connections_are_told(clinic: Clinic) -> None:
    await clinic.person("rivera")
    me = await clinic.signed_in_actor("rivera")
    seen: list[tuple[str, str]] = []
    told: list[str] = []
    clinic.desk.sessions.on_revoked(lambda id, reason: seen.append((id, reason)))
    clinic.desk.sessions.attend(me, told.append)
    leave = clinic.desk.sessions.attend(me, lambda _: told.append("after it closed"))
    clinic.desk.sessions.attend(me, lambda _: 1 / 0)  # type: ignore[arg-type,return-value]
    leave("")
    await clinic.desk.sessions.sign_out(me)
    assert told == ["signed_out"]
    assert seen == [(me.session, "signed_out")]


async def test_another_process_ends_a_session_of_ours(clinic: Clinic) -> None:
    await clinic.person("rivera")
    me = await clinic.signed_in_actor("rivera")
    told: list[str] = []
    clinic.desk.sessions.attend(me, told.append)
    another = Clinic(clinic.database, clinic.clock)
    await another.desk.sessions.revoke_all(me, me.id)
    assert told == []
    await clinic.desk.sessions.sweep()
    assert told == ["revoked"]
    another.desk.close()


async def test_idle_connections_are_closed_and_calls_are_use(clinic: Clinic) -> None:
    await clinic.person("rivera")
    idle, talking = [await clinic.signed_in_actor("rivera") for _ in range(2)]
    told: list[str] = []
    clinic.desk.sessions.attend(idle, told.append)
    clinic.desk.sessions.attend(talking, lambda _: told.append("cut"), active=lambda: True)
    for _ in range(4):
        clinic.clock.advance(RULES.idle / 3)
        await clinic.desk.sessions.sweep()
    assert told == ["idle"]


async def test_sweeping_reaches_every_clinic(clinic: Clinic) -> None:
    elsewhere = await clinic.other_clinic()
    await clinic.person("rivera")
    await clinic.person("okafor", by=elsewhere)
    await clinic.sign_in("rivera")
    await clinic.sign_in("okafor", clinic="other")
    clinic.clock.advance(RULES.idle)
    assert await clinic.desk.sessions.sweep() == 2
    assert await clinic.desk.sessions.sweep() == 0


async def test_a_list_shows_ones_own_and_revokes_one(clinic: Clinic) -> None:
    await clinic.person("rivera")
    await clinic.person("okafor")
    me = await clinic.signed_in_actor("rivera")
    phone = await clinic.sign_in("rivera", visitor=replace(HERE, label="Safari on iPhone"))
    other = await clinic.signed_in_actor("okafor")
    found = await clinic.desk.sessions.list(me)
    assert {(one.label, one.current) for one in found} == {
        ("Firefox on Mac", True),
        ("Safari on iPhone", False),
    }
    with pytest.raises(UnknownError):
        await clinic.desk.sessions.revoke(other, phone.session, any_owner=False)
    await clinic.desk.sessions.revoke(me, phone.session, any_owner=False)
    assert not await alive(clinic, phone.token)
    with pytest.raises(UnknownError):
        await clinic.desk.sessions.revoke(me, phone.session, any_owner=False)


async def test_nobody_reaches_another_clinics_session(clinic: Clinic) -> None:
    elsewhere = await clinic.other_clinic()
    id = await clinic.person("rivera")
    result = await clinic.sign_in("rivera")
    with pytest.raises(UnknownError):
        await clinic.desk.sessions.revoke(elsewhere, result.session, any_owner=True)
    assert await clinic.desk.sessions.revoke_all(elsewhere, id) == 0
    assert await clinic.desk.sessions.list(elsewhere, id) == []
    assert await alive(clinic, result.token)


async def test_the_oldest_session_gives_way(database: object, clinic: Clinic) -> None:
    few = Clinic(clinic.database, clinic.clock, replace(RULES, sessions=2))
    await few.person("rivera")
    tokens = []
    for _ in range(3):
        tokens.append((await few.sign_in("rivera")).token)
        few.clock.advance(1)
    assert [await alive(few, token) for token in tokens] == [False, True, True]
    few.desk.close()


async def test_weighty_changes_want_a_fresh_sign_in(clinic: Clinic) -> None:
    await clinic.person("rivera")
    me = await clinic.signed_in_actor("rivera")
    await clinic.desk.sessions.require_fresh(me)
    clinic.clock.advance(RULES.fresh + 1)
    for act in (
        clinic.desk.credentials.begin_totp(me),
        clinic.desk.passkeys.begin_adding(me),
        clinic.desk.credentials.remove(me, "c-1"),
        clinic.desk.credentials.confirm_totp(me, "123456"),
    ):
        with pytest.raises(StaleError):
            await act


@pytest.mark.parametrize(
    "token", ["", ".", "clinic.", "clinic.x", "x" * 400, "clinic." + "x" * 300, "CLINIC.x", "\ud800.x"]
)
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_what_is_no_token_opens_nothing(clinic: Clinic, token: str) -> None:
    assert not await alive(clinic, token)


async def test_the_token_is_not_in_the_database(clinic: Clinic) -> None:
    await clinic.person("rivera")
    result = await clinic.sign_in("rivera")
    async with clinic.database.read(Actor.system()) as reader:
        [row] = await reader.rows(reader.of(session))
    assert result.token.partition(".")[2] not in str(row)
