"""Signing in: what opens, what doesn't, and that the answers tell a stranger nothing."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
from clinic_desk import HERE, OTHER, PASSWORD, Clinic, strict

from mediaserver.identity.errors import CredentialsError, LockedError, RuleError, StateError
from mediaserver.identity.sign_in import DevelopmentSignIn, FactorDue, SignedIn
from mediaserver.identity.tables import account, credential, device, login_attempt, session
from mediaserver.model.actors import Actor
from mediaserver.model.roles import Role

WRONG = "not that password"


async def test_a_password_opens_a_session(clinic: Clinic) -> None:
    id = await clinic.person("Rivera", Role.CLINICIAN)
    result = await clinic.sign_in(" RIVERA ")
    assert result.account.id == id
    actor = await clinic.known(result.token)
    assert (actor.id, actor.roles, actor.session) == (id, {Role.CLINICIAN}, result.session)
    [event] = clinic.recorded.of("session.signin")
    assert event.detail["method"] == "password"
    assert (event.actor.id, event.actor.session) == (id, result.session)
    assert {entity.id for entity in event.entities} == {id, result.session}
    assert PASSWORD not in str(clinic.recorded.events)


async def test_every_wrong_way_in_has_one_answer(clinic: Clinic) -> None:
    await clinic.person("rivera")
    closed = await clinic.person("closed")
    await clinic.desk.accounts.change(clinic.admin, closed, version=2, disabled=True)
    await clinic.person("unready", password=None)
    answers = set()
    for name, password, where in (
        ("rivera", WRONG, None),
        ("nobody", PASSWORD, None),
        ("closed", PASSWORD, None),
        ("unready", PASSWORD, None),
        ("rivera", PASSWORD, "other"),
        ("rivera", PASSWORD, "no/clinic"),
        ("rivera'; DROP TABLE account; --", "x", None),
        ("\ud800", "\ud800", None),
    ):
        with pytest.raises(CredentialsError) as caught:
            await clinic.desk.sign_in.password(where, name, password, HERE)
        answers.add((caught.value.message, caught.value.code))
    assert len(answers) == 1
    assert len(clinic.recorded.of("session.signin", ok=False)) == 8


async def test_an_unknown_name_costs_the_same_hash(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    await clinic.person("rivera")
    compared: list[str] = []
    verify = clinic.desk.passwords._verify
    monkeypatch.setattr(
        clinic.desk.passwords,
        "_verify",
        lambda stored, given: compared.append(stored) or verify(stored, given),
    )
    for name in ("rivera", "nobody"):
        with pytest.raises(CredentialsError):
            await clinic.desk.sign_in.password(None, name, WRONG, HERE)
    assert len(compared) == 2
    assert {stored.rsplit("$", 2)[0] for stored in compared} == {"$argon2id$v=19$m=8,t=1,p=1"}


async def test_hashing_leaves_the_event_loop_alone(clinic: Clinic) -> None:
    from mediaserver.identity.passwords import Argon2, Passwords

    slow = Passwords(Argon2(64 * 1024, 4, 1))
    try:
        worst, hashing = 0.0, asyncio.create_task(slow.hash(PASSWORD))
        while not hashing.done():
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            worst = max(worst, time.perf_counter() - before)
        assert worst < 0.05
    finally:
        slow.close()


@pytest.mark.parametrize(
    ("password", "fine"),
    [
        ("short words", False),
        ("password1234567", False),
        ("PassWord!2345678", False),
        ("abcdefghijklmnop", False),
        ("aaaaaaaabbbbbbbb", False),
        ("rivera-rivera-1", False),
        ("Riverside 2026!!", False),
        ("x" * 300, False),
        ("correct zebra lamp seven", True),
        ("пять синих чайников", True),
        ("🦓🦒🐘🦔 and four animals", True),
    ],
)
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_passwords_by_the_rules(clinic: Clinic, password: str, fine: bool) -> None:
    await clinic.person("rivera")
    me = await clinic.signed_in_actor("rivera")
    if not fine:
        with pytest.raises(RuleError):
            await clinic.desk.credentials.change_password(me, PASSWORD, password)
        return
    await clinic.desk.credentials.change_password(me, PASSWORD, password)
    await clinic.sign_in("rivera", password)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_two_keyboards_type_the_same_password(clinic: Clinic) -> None:
    await clinic.person("rivera", password="café au lait et tartines")
    await clinic.sign_in("rivera", "cafe\u0301 au lait et tartines")


async def test_guessing_gets_slower_and_stops_nobody_for_good(clinic: Clinic) -> None:
    await clinic.person("rivera")
    waits = []
    for _ in range(12):
        with pytest.raises(CredentialsError):
            await clinic.desk.sign_in.password(None, "rivera", WRONG, HERE)
        try:
            await clinic.desk.sign_in.password(None, "rivera", WRONG, HERE)
        except LockedError as locked:
            waits.append(round(locked.retry_after))
            with pytest.raises(LockedError):
                await clinic.sign_in("rivera")  # the right one isn't looked at either
            clinic.clock.advance(locked.retry_after)
        except CredentialsError:
            pass
    assert waits[:6] == [30, 60, 120, 240, 480, 900]
    assert max(waits) == 900
    await clinic.sign_in("rivera")
    with pytest.raises(CredentialsError):
        await clinic.desk.sign_in.password(None, "rivera", WRONG, HERE)
    await clinic.sign_in("rivera")  # and its failures are forgotten


async def test_an_unknown_name_is_locked_like_a_known_one(clinic: Clinic) -> None:
    for _ in range(5):
        with pytest.raises(CredentialsError):
            await clinic.desk.sign_in.password(None, "nobody", WRONG, HERE)
    with pytest.raises(LockedError):
        await clinic.desk.sign_in.password(None, "nobody", WRONG, HERE)


async def test_a_hundred_tries_at_once_are_not_a_hundred_looks(clinic: Clinic) -> None:
    await clinic.person("rivera")
    looks = 0
    real = clinic.desk.passwords.matches

    async def counted(*given: str) -> bool:
        nonlocal looks
        looks += 1
        return await real(*given)

    clinic.desk.passwords.matches = counted  # type: ignore[method-assign,assignment]
    tries = [clinic.desk.sign_in.password(None, "rivera", WRONG, HERE) for _ in range(40)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert looks == 5
    assert sum(isinstance(one, LockedError) for one in results) == 35


async def test_an_address_that_tries_many_names_is_slowed_down(clinic: Clinic) -> None:
    await clinic.person("rivera")
    for number in range(50):
        with pytest.raises(CredentialsError):
            await clinic.desk.sign_in.password(None, f"name{number}", WRONG, HERE)
    with pytest.raises(LockedError):
        await clinic.sign_in("rivera")
    await clinic.sign_in("rivera", visitor=replace(HERE, address="192.0.2.8"))


async def test_a_stranger_does_not_lock_out_a_browser_that_is_known(clinic: Clinic) -> None:
    await clinic.person("rivera")
    mine = replace(HERE, device=(await clinic.sign_in("rivera")).device, address="198.51.100.1")
    for _ in range(5):
        with pytest.raises(CredentialsError):
            await clinic.desk.sign_in.password(None, "rivera", WRONG, HERE)
    with pytest.raises(LockedError):
        await clinic.sign_in("rivera")
    await clinic.sign_in("rivera", visitor=mine)
    for _ in range(5):
        with pytest.raises(CredentialsError):
            await clinic.desk.sign_in.password(None, "rivera", WRONG, mine)
    with pytest.raises(LockedError):
        await clinic.sign_in("rivera", visitor=mine)


async def test_a_second_factor_stands_between(strict_clinic: Clinic) -> None:
    clinic = strict_clinic
    id, secret = await clinic.with_totp("rivera")
    due = await clinic.due("rivera")
    assert due.methods == ("totp",)
    assert await clinic.desk.sessions.recognise(due.challenge, passive=True) is None
    with pytest.raises(CredentialsError):
        await clinic.desk.sign_in.totp(due.challenge, "000000", HERE)
    result = await clinic.desk.sign_in.totp(due.challenge, clinic.code(secret), HERE)
    assert result.account.id == id
    assert clinic.recorded.of("session.signin", ok=True)[-1].detail["method"] == "password+totp"
    with pytest.raises(CredentialsError):  # the challenge is spent
        await clinic.desk.sign_in.totp(due.challenge, clinic.code(secret, 1), HERE)


async def test_a_code_is_good_once_even_for_two_at_once(strict_clinic: Clinic) -> None:
    clinic = strict_clinic
    _, secret = await clinic.with_totp("rivera")
    dues = [await clinic.due("rivera") for _ in range(4)]
    code = clinic.code(secret)
    tries = [clinic.desk.sign_in.totp(due.challenge, code, HERE) for due in dues]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(one, SignedIn) for one in results) == 1
    clinic.clock.advance(30)
    with pytest.raises(CredentialsError):
        await clinic.desk.sign_in.totp((await clinic.due("rivera")).challenge, code, HERE)


async def test_codes_are_not_guessed(strict_clinic: Clinic) -> None:
    clinic = strict_clinic
    _, secret = await clinic.with_totp("rivera")
    due = await clinic.due("rivera")
    for _ in range(5):
        with pytest.raises(CredentialsError):
            await clinic.desk.sign_in.totp(due.challenge, "000000", HERE)
    with pytest.raises((CredentialsError, LockedError)):
        await clinic.desk.sign_in.totp(due.challenge, clinic.code(secret), HERE)
    again = await clinic.due("rivera")  # who has the password is not given five more
    with pytest.raises(LockedError):
        await clinic.desk.sign_in.totp(again.challenge, clinic.code(secret), HERE)


async def test_a_challenge_is_over_after_five_minutes(strict_clinic: Clinic) -> None:
    clinic = strict_clinic
    _, secret = await clinic.with_totp("rivera")
    due = await clinic.due("rivera")
    clinic.clock.advance(301)
    with pytest.raises(CredentialsError):
        await clinic.desk.sign_in.totp(due.challenge, clinic.code(secret), HERE)


async def test_a_second_factor_is_not_set_up_over_another(strict_clinic: Clinic) -> None:
    clinic = strict_clinic
    await clinic.with_totp("rivera")
    due = await clinic.due("rivera")
    with pytest.raises(StateError):
        await clinic.desk.sign_in.set_up_totp(due.challenge, HERE)
    for bad in ("", "x", "clinic.x", "no/clinic.x"):
        with pytest.raises(CredentialsError):
            await clinic.desk.sign_in.set_up_totp(bad, HERE)
        with pytest.raises(CredentialsError):
            await clinic.desk.sign_in.totp(bad, "123456", HERE)


async def test_secrets_are_not_in_the_database(strict_clinic: Clinic) -> None:
    import base64

    clinic = strict_clinic
    id, secret = await clinic.with_totp("rivera")
    async with clinic.database.read(Actor.system()) as reader:
        row = await reader.row(reader.of(account).where(account.c.id == id))
        sealed = await reader.row(reader.of(credential))
    assert row is not None
    assert sealed is not None
    assert row.password.startswith("$argon2id$")
    assert base64.b32decode(secret) not in bytes(sealed.secret)


async def test_a_sign_in_ends_the_session_the_browser_had(clinic: Clinic) -> None:
    await clinic.person("rivera")
    await clinic.person("okafor")
    first = await clinic.sign_in("rivera")
    second = await clinic.sign_in("okafor", visitor=replace(HERE, session=first.token))
    assert second.token != first.token
    assert await clinic.desk.sessions.recognise(first.token, passive=True) is None
    planted = replace(HERE, session="clinic.planted-by-somebody-else")
    third = await clinic.sign_in("rivera", visitor=planted)
    assert third.token != planted.session


async def test_a_cheaper_hash_is_made_anew(clinic: Clinic, strict_clinic: Clinic) -> None:
    from mediaserver.identity.passwords import Argon2

    id = await clinic.person("rivera")
    later = Clinic(clinic.database, clinic.clock, replace(clinic.rules, argon2=Argon2(16, 1, 1)))
    await later.sign_in("rivera")
    async with clinic.database.read(Actor.system()) as reader:
        row = await reader.row(reader.of(account).where(account.c.id == id))
    assert row is not None
    assert "m=16" in row.password
    later.desk.close()


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_signing_in_without_proof_exists_in_development_alone(clinic: Clinic) -> None:
    id = await clinic.person("rivera", password=None)
    assert not hasattr(clinic.desk.sign_in, "sign_in_as")
    assert clinic.desk.development is None
    demo = Clinic(clinic.database, clinic.clock, strict(), development=True)
    assert isinstance(demo.desk.sign_in, DevelopmentSignIn)
    for name in (id, "Rivera"):
        result = await demo.desk.sign_in.sign_in_as(None, name, HERE)
        assert (await demo.known(result.token)).id == id
    with pytest.raises(CredentialsError):
        await demo.desk.sign_in.sign_in_as(None, "nobody", HERE)
    demo.desk.close()


async def test_what_says_nothing_any_more_goes(clinic: Clinic) -> None:
    await clinic.person("rivera")
    await clinic.sign_in("rivera")
    for name in ("rivera", "nobody", "someone"):
        with pytest.raises(CredentialsError):
            await clinic.desk.sign_in.password(None, name, WRONG, HERE)
    clinic.clock.advance(24 * 3600)
    await clinic.desk.sessions.sweep()
    clinic.clock.advance(401 * 24 * 3600)
    result = await clinic.sign_in("rivera")
    async with clinic.database.read(Actor.system()) as reader:
        tries = await reader.rows(reader.of(login_attempt))
        assert [row.failures for row in tries] == [0], "the address of this very sign-in"
        assert [row.id for row in await reader.rows(reader.of(session))] == [result.session]
        assert len(await reader.rows(reader.of(device))) == 1


async def test_one_name_in_two_clinics_is_two_people(clinic: Clinic) -> None:
    elsewhere = await clinic.other_clinic()
    here = await clinic.person("rivera")
    there = await clinic.person("rivera", by=elsewhere, password="another lamp elsewhere")
    assert here != there
    assert (await clinic.sign_in("rivera")).account.id == here
    result = await clinic.sign_in("rivera", "another lamp elsewhere", clinic=OTHER)
    actor = await clinic.known(result.token)
    assert (actor.id, actor.tenant) == (there, OTHER)
    forged = f"clinic.{result.token.partition('.')[2]}"
    assert await clinic.desk.sessions.recognise(forged, passive=True) is None


async def test_who_has_a_factor_is_asked_for_it_where_none_is_demanded(
    strict_clinic: Clinic, clinic: Clinic
) -> None:
    await strict_clinic.with_totp("rivera")
    assert isinstance(await clinic.desk.sign_in.password(None, "rivera", PASSWORD, HERE), FactorDue)
