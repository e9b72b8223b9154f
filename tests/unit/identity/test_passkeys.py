"""Passkeys: added by who is signed in, good for this origin, used once, known as clones."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from clinic_desk import HERE, Clinic
from soft_authenticator import PRESENT, SoftAuthenticator, b64

from mediaserver.identity.errors import CredentialsError, RuleError, StateError
from mediaserver.identity.passkeys import RelyingParty
from mediaserver.model.actors import Actor
from mediaserver.model.roles import Role

ORIGIN = "http://localhost:8080"


async def added(clinic: Clinic, username: str = "rivera") -> tuple[Actor, SoftAuthenticator]:
    await clinic.person(username)
    me = await clinic.signed_in_actor(username)
    device = SoftAuthenticator()
    asked = await clinic.desk.passkeys.begin_adding(me)
    await clinic.desk.passkeys.add(
        me, asked.challenge, device.create(asked.options), origin=ORIGIN, label="Phone"
    )
    return me, device


async def sign_in(clinic: Clinic, device: SoftAuthenticator, origin: str = ORIGIN) -> Any:
    asked = await clinic.desk.passkeys.begin_sign_in(None, HERE)
    return await clinic.desk.passkeys.sign_in(
        asked.challenge, device.get(asked.options), origin=origin, visitor=HERE
    )


async def test_a_passkey_signs_in_without_name_or_password(clinic: Clinic) -> None:
    me, device = await added(clinic)
    result = await sign_in(clinic, device)
    assert result.account.id == me.id
    assert clinic.recorded.of("session.signin")[-1].detail["method"] == "passkey"
    await sign_in(clinic, device)
    [one] = await clinic.desk.credentials.list(me)
    assert (one.kind, one.label.reveal()) == ("passkey", "Phone")


async def test_options_ask_for_both_factors_and_name_nobody(clinic: Clinic) -> None:
    await clinic.person("rivera")
    me = await clinic.signed_in_actor("rivera")
    create = (await clinic.desk.passkeys.begin_adding(me)).options
    assert create["authenticatorSelection"]["residentKey"] == "required"
    assert create["authenticatorSelection"]["userVerification"] == "required"
    assert create["rp"] == {"id": "localhost", "name": "Riverside Practice"}
    get = (await clinic.desk.passkeys.begin_sign_in(None, HERE)).options
    assert get["userVerification"] == "required"
    assert get.get("allowCredentials", []) == []
    unknown = (await clinic.desk.passkeys.begin_sign_in("nowhere", HERE)).options
    assert set(unknown) == set(get), "a clinic that isn't there looks like one that is"


async def test_a_removed_passkey_and_a_closed_account_sign_in_no_more(clinic: Clinic) -> None:
    me, device = await added(clinic)
    [one] = await clinic.desk.credentials.list(me)
    await clinic.desk.credentials.remove(me, one.id)
    with pytest.raises(CredentialsError):
        await sign_in(clinic, device)
    me, device = await added(clinic, "okafor")
    await clinic.desk.accounts.change(clinic.admin, me.id, version=2, disabled=True)
    with pytest.raises(CredentialsError):
        await sign_in(clinic, device)


async def test_an_answer_is_good_once_and_a_clone_is_noticed(clinic: Clinic) -> None:
    _, device = await added(clinic)
    asked = await clinic.desk.passkeys.begin_sign_in(None, HERE)
    answer = device.get(asked.options)
    await clinic.desk.passkeys.sign_in(asked.challenge, answer, origin=ORIGIN, visitor=HERE)
    again = await clinic.desk.passkeys.begin_sign_in(None, HERE)
    for token in (asked.challenge, again.challenge):
        with pytest.raises(CredentialsError):
            await clinic.desk.passkeys.sign_in(token, answer, origin=ORIGIN, visitor=HERE)
    device.counter = 0  # a copy from before it was used
    with pytest.raises(CredentialsError):
        await sign_in(clinic, device)


@pytest.mark.parametrize(
    "forge", ["origin", "rp", "presence", "challenge", "signature", "handle", "id", "type", "shape"]
)
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_forged_answers_are_refused_in_one_way(clinic: Clinic, forge: str) -> None:
    _, device = await added(clinic)
    other = SoftAuthenticator()
    if forge == "origin":
        device.origin = "http://localhost.evil.example:8080"
    elif forge == "rp":
        device.rp_id = "evil.example"
    elif forge == "presence":
        device.flags = PRESENT  # touched, but nobody was verified
    asked = await clinic.desk.passkeys.begin_sign_in(None, HERE)
    options = {**asked.options, "challenge": b64(bytes(32))} if forge == "challenge" else asked.options
    answer = deepcopy(device.get(options))
    if forge == "signature":
        other.id, other.user = device.id, device.user
        answer = other.get(options)
    elif forge == "handle":
        answer["response"]["userHandle"] = b64(b"a-somebody-else")
    elif forge == "id":
        answer["id"] = answer["rawId"] = b64(bytes(16))
    elif forge == "type":
        answer["type"] = "password"
    elif forge == "shape":
        answer["response"] = {"clientDataJSON": 7}
    with pytest.raises(CredentialsError) as caught:
        await clinic.desk.passkeys.sign_in(asked.challenge, answer, origin=ORIGIN, visitor=HERE)
    assert "This passkey is not known here" in caught.value.message
    assert len(clinic.recorded.of("session.signin", ok=False)) == 1


@pytest.mark.parametrize(
    "answer", [{}, {"id": 7}, {"rawId": "%%%"}, {"rawId": "\ud800"}, {"rawId": "a" * 9999}]
)
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_nonsense_is_refused(clinic: Clinic, answer: dict[str, Any]) -> None:
    asked = await clinic.desk.passkeys.begin_sign_in(None, HERE)
    with pytest.raises(CredentialsError):
        await clinic.desk.passkeys.sign_in(asked.challenge, answer, origin=ORIGIN, visitor=HERE)
    await clinic.person("rivera")
    me = await clinic.signed_in_actor("rivera")
    adding = await clinic.desk.passkeys.begin_adding(me)
    with pytest.raises(RuleError):
        await clinic.desk.passkeys.add(me, adding.challenge, answer, origin=ORIGIN, label="")


async def test_a_passkey_is_not_added_to_another_account(clinic: Clinic) -> None:
    me, device = await added(clinic)
    await clinic.person("okafor")
    other = await clinic.signed_in_actor("okafor")
    asked = await clinic.desk.passkeys.begin_adding(other)
    with pytest.raises(CredentialsError):  # a challenge is its asker's
        await clinic.desk.passkeys.add(
            me, asked.challenge, SoftAuthenticator().create(asked.options), origin=ORIGIN, label=""
        )
    again = await clinic.desk.passkeys.begin_adding(other)
    with pytest.raises(StateError):
        await clinic.desk.passkeys.add(
            other, again.challenge, device.create(again.options), origin=ORIGIN, label=""
        )


async def test_a_passkey_is_the_second_factor_that_staff_need(strict_clinic: Clinic) -> None:
    clinic = strict_clinic
    _, secret = await clinic.with_totp("rivera", Role.CLINICIAN)
    due = await clinic.due("rivera")
    me = await clinic.known((await clinic.desk.sign_in.totp(due.challenge, clinic.code(secret), HERE)).token)
    device = SoftAuthenticator()
    asked = await clinic.desk.passkeys.begin_adding(me)
    await clinic.desk.passkeys.add(me, asked.challenge, device.create(asked.options), origin=ORIGIN, label="")
    assert (await sign_in(clinic, device)).account.id == me.id


def test_the_party_is_the_public_host() -> None:
    public = RelyingParty.of("https://visit.clinic.example:8443/", "Clinic")
    assert (public.id, public.origin) == ("visit.clinic.example", "https://visit.clinic.example:8443")
    assert public.expected("http://anything") == "https://visit.clinic.example:8443"
    dev = RelyingParty.of(None, "Clinic")
    assert dev.expected("http://localhost:8081") == "http://localhost:8081"
    with pytest.raises(CredentialsError):
        dev.expected("http://127.0.0.1:8081")
