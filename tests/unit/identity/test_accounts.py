"""Accounts, recovery codes, what people sign in with, break-glass, developer keys."""

from __future__ import annotations

import pytest
from clinic_desk import HERE, PASSWORD, RULES, Clinic

from mediaserver.identity.break_glass import Grant, Verdict
from mediaserver.identity.errors import (
    CredentialsError,
    LockedError,
    RuleError,
    StateError,
    UnknownError,
)
from mediaserver.model.actors import Actor, ActorKind
from mediaserver.model.roles import Role
from mediaserver.storage import ConflictError

REASON = "chest pain, own doctor away"


async def test_an_account_is_made_changed_and_closed(clinic: Clinic) -> None:
    desk = clinic.desk.accounts
    made = await desk.create(clinic.admin, name=" Ana Rivera ", signs_in_as="Rivera", roles=[Role.CLINICIAN])
    assert (made.name.reveal(), made.username.reveal(), made.has_password) == ("Ana Rivera", "rivera", False)
    changed = await desk.change(
        clinic.admin, made.id, version=made.version, name="Ana R", email="ana@clinic.example"
    )
    assert (changed.name.reveal(), changed.email.reveal()) == ("Ana R", "ana@clinic.example")
    with pytest.raises(ConflictError):
        await desk.change(clinic.admin, made.id, version=made.version, name="Late")
    with pytest.raises(RuleError):
        await desk.change(clinic.admin, made.id, version=changed.version)
    await desk.close(clinic.admin, made.id)
    assert (await desk.get(clinic.admin, made.id)).disabled_at is not None
    assert [event.type for event in clinic.recorded.events] == [
        "account.create",
        "account.change",
        "account.close",
    ]


async def test_names_are_taken_once_in_a_clinic(clinic: Clinic) -> None:
    elsewhere = await clinic.other_clinic()
    await clinic.person("rivera")
    for name in ("rivera", "RIVERA", "\uff52\uff49\uff56\uff45\uff52\uff41"):
        with pytest.raises(StateError):
            await clinic.desk.accounts.create(
                clinic.admin, name="x", signs_in_as=name, roles=[Role.CLINICIAN]
            )
    await clinic.person("rivera", by=elsewhere)


@pytest.mark.parametrize("roles", [[], [Role.PATIENT], [Role.DEVELOPER], [Role.CLINICIAN, Role.CARER]])
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_only_staff_have_accounts(clinic: Clinic, roles: list[Role]) -> None:
    with pytest.raises(RuleError):
        await clinic.desk.accounts.create(clinic.admin, name="x", signs_in_as="x", roles=roles)


async def test_nobody_sees_another_clinics_accounts(clinic: Clinic) -> None:
    elsewhere = await clinic.other_clinic()
    id = await clinic.person("rivera")
    desk = clinic.desk
    assert list(await desk.accounts.list(elsewhere)) == []
    for act in (
        desk.accounts.get(elsewhere, id),
        desk.accounts.change(elsewhere, id, version=1, name="x"),
        desk.accounts.close(elsewhere, id),
        desk.recovery.issue(elsewhere, id),
    ):
        with pytest.raises(UnknownError):
            await act
    await clinic.sign_in("rivera")


async def test_the_last_administrator_stays(clinic: Clinic) -> None:
    id = await clinic.person("root", Role.ADMINISTRATOR)
    with pytest.raises(StateError):
        await clinic.desk.accounts.change(clinic.admin, id, version=2, roles=[Role.OPERATOR])
    with pytest.raises(StateError):
        await clinic.desk.accounts.change(clinic.admin, id, version=2, disabled=True)
    with pytest.raises(StateError):
        await clinic.desk.accounts.close(clinic.admin, id)
    await clinic.person("second", Role.ADMINISTRATOR)
    await clinic.desk.accounts.close(clinic.admin, id)


async def test_a_recovery_code_is_good_once_and_ends_what_was(strict_clinic: Clinic) -> None:
    clinic = strict_clinic
    id, secret = await clinic.with_totp("rivera")
    due = await clinic.due("rivera")
    old = await clinic.desk.sign_in.totp(due.challenge, clinic.code(secret), HERE)
    first = await clinic.desk.recovery.issue(clinic.admin, id)
    second = await clinic.desk.recovery.issue(clinic.admin, id)
    new = "seven new umbrellas"
    with pytest.raises(CredentialsError):
        await clinic.desk.recovery.redeem(None, first.code, new, HERE)
    typed = second.code.lower().replace("-", " ")
    await clinic.desk.recovery.redeem(None, typed, new, HERE)
    with pytest.raises(CredentialsError):
        await clinic.desk.recovery.redeem(None, second.code, new, HERE)
    assert await clinic.desk.sessions.recognise(old.token, passive=True) is None
    with pytest.raises(CredentialsError):
        await clinic.due("rivera")
    result = await clinic.desk.sign_in.password(None, "rivera", new, HERE)
    assert result.methods == ("set_up_totp",)  # type: ignore[union-attr]
    uses = [event.outcome.name for event in clinic.recorded.of("recovery.use")[1:]]
    assert uses == ["MINOR_FAILURE", "SUCCESS", "MINOR_FAILURE"]
    assert second.code not in str(clinic.recorded.events)


async def test_recovery_codes_run_out_and_are_not_for_oneself(clinic: Clinic) -> None:
    id = await clinic.person("rivera")
    code = await clinic.desk.recovery.issue(clinic.admin, id)
    with pytest.raises(RuleError):  # a bad password doesn't use the code up
        await clinic.desk.recovery.redeem(None, code.code, "password123456789", HERE)
    clinic.clock.advance(RULES.recovery + 1)
    with pytest.raises(CredentialsError):
        await clinic.desk.recovery.redeem(None, code.code, "seven new umbrellas", HERE)
    with pytest.raises(StateError):
        await clinic.desk.recovery.issue(clinic.actor(id, Role.ADMINISTRATOR), id)


async def test_a_password_is_changed_by_who_knows_it(clinic: Clinic) -> None:
    await clinic.person("rivera")
    me = await clinic.signed_in_actor("rivera")
    elsewhere = await clinic.sign_in("rivera")
    with pytest.raises(CredentialsError):
        await clinic.desk.credentials.change_password(me, "wrong", "seven new umbrellas")
    await clinic.desk.credentials.change_password(me, PASSWORD, "seven new umbrellas")
    assert await clinic.desk.sessions.recognise(elsewhere.token, passive=True) is None
    await clinic.desk.sessions.require_fresh(me)
    for _ in range(5):
        with pytest.raises(CredentialsError):
            await clinic.desk.credentials.change_password(me, "wrong", "eight new umbrellas")
    with pytest.raises(LockedError):
        await clinic.desk.credentials.change_password(me, "seven new umbrellas", "eight new umbrellas")


async def test_an_authenticator_is_replaced_and_the_last_one_kept(strict_clinic: Clinic) -> None:
    clinic = strict_clinic
    _, secret = await clinic.with_totp("rivera")
    due = await clinic.due("rivera")
    me = await clinic.known((await clinic.desk.sign_in.totp(due.challenge, clinic.code(secret), HERE)).token)
    [old] = await clinic.desk.credentials.list(me)
    with pytest.raises(StateError):
        await clinic.desk.credentials.remove(me, old.id)
    setup = await clinic.desk.credentials.begin_totp(me)
    with pytest.raises(CredentialsError):
        await clinic.desk.credentials.confirm_totp(me, "000000")
    assert [one.id for one in await clinic.desk.credentials.list(me)] == [old.id]
    await clinic.desk.credentials.confirm_totp(me, clinic.code(setup.secret))
    [new] = await clinic.desk.credentials.list(me)
    assert new.id != old.id
    with pytest.raises(UnknownError):
        await clinic.desk.credentials.remove(me, old.id)


async def test_breaking_the_glass_opens_one_record_for_a_while(clinic: Clinic) -> None:
    glass = clinic.desk.break_glass
    doctor = clinic.actor(await clinic.person("rivera"), Role.CLINICIAN)
    alarms: list[tuple[Actor, Grant]] = []

    async def alarm(actor: Actor, grant: Grant) -> None:
        alarms.append((actor, grant))

    async def broken(actor: Actor, grant: Grant) -> None:
        raise RuntimeError("pager")

    glass.on_alarm(broken)
    glass.on_alarm(alarm)
    grant = await glass.use(doctor, "v-1", f"  {REASON} ")
    assert alarms == [(doctor, grant)]
    [event] = clinic.recorded.of("breakglass.use")
    assert event.reason is not None
    assert (event.reason.reveal(), event.visit, event.patient) == (REASON, "v-1", "p-1")
    async with clinic.database.read(doctor) as reader:
        assert await glass.covers(reader, doctor.id, "v-1")
        assert not await glass.covers(reader, doctor.id, "v-2")
        assert not await glass.covers(reader, "a-another", "v-1")
    clinic.clock.advance(RULES.breakglass)
    async with clinic.database.read(doctor) as reader:
        assert not await glass.covers(reader, doctor.id, "v-1")


async def test_break_glass_wants_a_reason_and_a_visit_of_this_clinic(clinic: Clinic) -> None:
    await clinic.other_clinic()
    doctor = clinic.actor(await clinic.person("rivera"), Role.CLINICIAN)
    for reason in ("", "   \n ", "urgent", "x" * 1001):
        with pytest.raises(RuleError):
            await clinic.desk.break_glass.use(doctor, "v-1", reason)
    for visit in ("v-other", "v-none"):
        with pytest.raises(UnknownError):
            await clinic.desk.break_glass.use(doctor, visit, REASON)
    assert clinic.recorded.of("breakglass.use") == []


async def test_a_grant_waits_until_somebody_else_reviews_it(clinic: Clinic) -> None:
    glass = clinic.desk.break_glass
    elsewhere = await clinic.other_clinic()
    doctor = clinic.actor(await clinic.person("rivera"), Role.CLINICIAN)
    officer = clinic.actor("a-officer", Role.COMPLIANCE)
    grant = await glass.use(doctor, "v-1", REASON)
    assert list(await glass.list(elsewhere)) == []
    with pytest.raises(UnknownError):
        await glass.review(elsewhere, grant.id, Verdict.JUSTIFIED, "")
    with pytest.raises(StateError):
        await glass.review(doctor, grant.id, Verdict.JUSTIFIED, "I was right")
    assert [one.id for one in await glass.list(officer)] == [grant.id]
    done = await glass.review(officer, grant.id, Verdict.UNJUSTIFIED, "their doctor was there")
    assert (done.verdict, done.reviewed_by) == (Verdict.UNJUSTIFIED, officer.id)
    assert list(await glass.list(officer)) == []
    assert [one.id for one in await glass.list(officer, reviewed=True)] == [grant.id]
    with pytest.raises(StateError):
        await glass.review(officer, grant.id, Verdict.JUSTIFIED, "")


async def test_a_developer_key_has_its_scopes_and_no_more(clinic: Clinic) -> None:
    keys = clinic.desk.keys
    key, secret = await keys.create(clinic.admin, "Booking", ["visits.manage", "links.manage"])
    known = await keys.recognise(secret, address="192.0.2.9")
    assert known is not None
    actor, scopes = known
    assert (actor.id, actor.kind, actor.roles) == (key.id, ActorKind.TOKEN, {Role.DEVELOPER})
    assert scopes == {"visits.manage", "links.manage"}
    for wrong in (["audit.read"], ["visits.admit"], ["zork"], []):
        with pytest.raises(RuleError):
            await keys.create(clinic.admin, "x", wrong)
    for bad in (secret[:-1], secret.replace("clinic", "other"), secret.removeprefix("mskey_"), ""):
        assert await keys.recognise(bad) is None
    await keys.revoke(clinic.admin, key.id)
    assert await keys.recognise(secret) is None
    with pytest.raises(UnknownError):
        await keys.revoke(clinic.admin, key.id)
    assert secret not in str(clinic.recorded.events)
    assert [event.type for event in clinic.recorded.events] == ["key.create", "key.revoke"]


async def test_keys_run_out_and_stay_in_their_clinic(clinic: Clinic) -> None:
    elsewhere = await clinic.other_clinic()
    now = int(clinic.clock.wall() * 1000)
    key, secret = await clinic.desk.keys.create(clinic.admin, "x", ["rooms.manage"], expires_at=now + 60_000)
    assert list(await clinic.desk.keys.list(elsewhere)) == []
    with pytest.raises(UnknownError):
        await clinic.desk.keys.revoke(elsewhere, key.id)
    assert await clinic.desk.keys.recognise(secret) is not None
    clinic.clock.advance(60)
    assert await clinic.desk.keys.recognise(secret) is None
    with pytest.raises(RuleError):
        await clinic.desk.keys.create(clinic.admin, "x", ["rooms.manage"], expires_at=now)
