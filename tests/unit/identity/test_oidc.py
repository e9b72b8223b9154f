"""OpenID Connect against a real provider, and against one that lies."""

from __future__ import annotations

import hmac
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from clinic_desk import HERE, RULES, Clinic
from joserfc import jwk, jwt
from oidc_browser import CALLBACK, consent_at_provider, free_port, need_provider, provider
from soft_authenticator import b64

from mediaserver.http.oidc_transport import AiohttpTransport
from mediaserver.identity.errors import BusyError, CredentialsError
from mediaserver.identity.oidc import Finished, OidcSignIn, Started, local_path
from mediaserver.identity.oidc_provider import Provider, Transport, TransportError, may_ask
from mediaserver.identity.rules import OidcRules
from mediaserver.model.clock import ManualClock, SystemClock
from mediaserver.model.roles import Role
from mediaserver.storage import Database

SECRET = "a secret: of 40 characters, with: colons"


def rules_for(issuer: str, **changes: Any) -> OidcRules:
    rules = OidcRules(issuer, "mediaserver", SECRET, {"doctors": Role.CLINICIAN}, roles_claim="groups")
    return replace(rules, **changes)


class WithProvider(Clinic):
    """A clinic that signs in elsewhere. The provider has the real time, so the clinic has it too."""

    def __init__(self, database: Database, clock: Any, transport: Transport, rules: OidcRules) -> None:
        super().__init__(database, clock, replace(RULES, oidc=rules), transport=transport)

    @property
    def oidc(self) -> OidcSignIn:
        assert self.desk.oidc is not None
        return self.desk.oidc

    async def start(self, return_to: str = "/console") -> Started:
        return await self.oidc.start(None, CALLBACK, return_to, HERE)

    async def finish(self, started: Started, answer: Mapping[str, str]) -> Finished:
        return await self.oidc.finish(
            started.cookie,
            state=answer.get("state", ""),
            code=answer.get("code"),
            iss=answer.get("iss"),
            visitor=HERE,
        )

    async def whole(self, login: str) -> Finished:
        started = await self.start()
        return await self.finish(started, await consent_at_provider(started.url, login))


@pytest.fixture(scope="module")
def port() -> int:
    need_provider()
    return free_port()


@pytest.fixture(scope="module")
def issuer(port: int) -> Iterator[str]:
    with provider(port) as url:
        yield url


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    made = AiohttpTransport()
    yield made
    await made.close()


@pytest.fixture
def real(database: Database, issuer: str, transport: AiohttpTransport) -> Iterator[WithProvider]:
    made = WithProvider(database, SystemClock(), transport, rules_for(issuer))
    yield made
    made.desk.close()


async def test_signing_in_at_a_real_provider(real: WithProvider) -> None:
    first = await real.whole("dr-rivera")
    found = first.signed_in.account
    assert (found.name.reveal(), found.username.reveal()) == ("Name of dr-rivera", "dr-rivera")
    assert (found.roles, found.external, found.has_password) == ({Role.CLINICIAN}, True, False)
    assert first.return_to == "/console"
    assert (await real.whole("dr-rivera")).signed_in.account.id == found.id
    assert [event.type for event in real.recorded.events] == [
        "account.create",
        "session.signin",
        "session.signin",
    ]


async def test_who_has_no_role_is_not_let_in(real: WithProvider) -> None:
    with pytest.raises(CredentialsError, match="no role"):
        await real.whole("cleaner")
    assert len(real.recorded.of("session.signin", ok=False)) == 1
    assert real.recorded.of("account.create") == []


async def test_an_account_out_of_use_stays_out_and_local_names_are_not_taken_over(
    real: WithProvider,
) -> None:
    local = await real.person("dr-okafor")
    found = (await real.whole("dr-okafor")).signed_in.account
    assert found.id != local
    await real.desk.accounts.change(real.admin, found.id, version=found.version, disabled=True)
    with pytest.raises(CredentialsError):
        await real.whole("dr-okafor")


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_an_answer_is_of_use_once_and_in_one_browser(real: WithProvider) -> None:
    started = await real.start()
    answer = await consent_at_provider(started.url, "dr-rivera")
    other = await real.start()
    with pytest.raises(CredentialsError):  # somebody sends a victim their own answer: login CSRF
        await real.finish(other, answer)
    for changed in (
        {**answer, "state": ""},
        {**answer, "state": "x"},
    ):
        with pytest.raises(CredentialsError):
            await real.finish(started, changed)
    await real.finish(started, answer)
    with pytest.raises(CredentialsError):
        await real.finish(started, answer)
    with pytest.raises(CredentialsError):
        await real.oidc.finish(None, state=answer["state"], code="x", iss=None, visitor=HERE)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
@pytest.mark.parametrize("changed", [{"iss": "https://evil.example"}, {"iss": None}, {"code": "forged"}])
async def test_another_issuers_answer_is_refused(real: WithProvider, changed: dict[str, Any]) -> None:
    started = await real.start()
    answer = await consent_at_provider(started.url, "dr-rivera")
    with pytest.raises(CredentialsError):
        await real.finish(started, {k: v for k, v in {**answer, **changed}.items() if v is not None})


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_stolen_code_is_of_no_use_without_its_verifier(
    real: WithProvider, transport: AiohttpTransport, issuer: str
) -> None:
    started = await real.start()
    answer = await consent_at_provider(started.url, "dr-rivera")
    thief = Provider(rules_for(issuer), transport, SystemClock())
    assert await thief.redeem(answer["code"], CALLBACK, "v" * 64) is None


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_rotated_key_is_followed(
    database: Database, transport: AiohttpTransport, database_clock: ManualClock
) -> None:
    need_provider()
    own = free_port()
    clock = MovableSystemClock()
    clinic = WithProvider(database, clock, transport, rules_for(f"http://127.0.0.1:{own}"))
    with provider(own):
        await clinic.whole("dr-rivera")
    with provider(own):  # starts with a fresh key
        clock.ahead = 61.0
        await clinic.whole("dr-rivera")
        started = await clinic.start()
        answer = await consent_at_provider(started.url, "dr-rivera")
    with pytest.raises(BusyError):  # it is away
        await clinic.finish(started, answer)
    clinic.desk.close()


class MovableSystemClock(SystemClock):
    """The machine's clock; the monotonic one can be put forward."""

    ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


# A provider that lies.

ISSUER = "https://id.example"


class Liar:
    """Transport of a provider whose every answer a test decides."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.key = jwk.RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})
        self.asked: list[str] = []
        self.metadata: dict[str, Any] = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/auth?prompt=login",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
        }
        self.claims: dict[str, Any] = {}
        self.token: str | None = None
        self.status = 200

    async def get(self, url: str) -> Mapping[str, Any]:
        self.asked.append(url)
        if url.endswith("openid-configuration"):
            return self.metadata
        if url == f"{ISSUER}/keys":
            return {"keys": [{"kty": "weird"}, 7, self.key.as_dict(private=False)]}
        raise TransportError("404")

    async def post(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, Any]]:
        self.asked.append(url)
        return self.status, {"id_token": self.token}


class LiedTo(WithProvider):
    def __init__(self, database: Database, clock: ManualClock, **changes: Any) -> None:
        self.liar = Liar(clock)
        super().__init__(database, clock, self.liar, rules_for(ISSUER, **changes))

    async def told(self, token: Any = None, **claims: Any) -> Finished:
        """A sign-in whose ID token has these claims changed (None: left out)."""
        started = await self.start()
        query = {k: v[0] for k, v in parse_qs(urlsplit(started.url).query).items()}
        now = int(self.clock.wall())
        good = {"iss": ISSUER, "aud": "mediaserver", "sub": "u1", "exp": now + 60, "iat": now}
        good |= {"nonce": query["nonce"], "groups": ["doctors"], **claims}
        good = {name: value for name, value in good.items() if value is not None}
        self.liar.token = token(good) if token else sign(self.liar.key, good)
        return await self.finish(started, {"state": query["state"], "code": "c"})


def sign(key: Any, claims: dict[str, Any], **header: Any) -> str:
    full = {"alg": "RS256", "kid": "k1", **header}
    return jwt.encode(full, claims, key, algorithms=[full["alg"]])


def by_hand(algorithm: str, claims: dict[str, Any], secret: bytes = b"", kid: Any = "k1") -> str:
    """What no library makes: alg none, or a public key taken for a shared secret."""
    head = b64(json.dumps({"alg": algorithm, "kid": kid}).encode())
    text = f"{head}.{b64(json.dumps(claims).encode())}"
    return f"{text}.{b64(hmac.digest(secret, text.encode(), 'sha256')) if secret else ''}"


@pytest.fixture
def lied_to(database: Database, database_clock: ManualClock) -> Iterator[LiedTo]:
    made = LiedTo(database, database_clock)
    yield made
    made.desk.close()


sqlite_only = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@sqlite_only
async def test_an_honest_answer_is_taken(lied_to: LiedTo) -> None:
    assert (await lied_to.told()).signed_in.account.name.reveal().startswith("user ")
    assert (await lied_to.told(aud=["mediaserver"], name="  Ana \x00\n ")).signed_in.account.roles
    await lied_to.told(aud=["mediaserver", "other"], azp="mediaserver")


@sqlite_only
@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"iss": ISSUER + "/"},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": ["mediaserver", "other"]},  # several, and nobody says who asked
        {"azp": "other"},
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"exp": 1},
        {"exp": None},
        {"iat": None},
        {"iat": 4_000_000_000},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 300},
        {"groups": None},
        {"groups": "doctors?"},
        {"groups": [["doctors"], 7, None]},
        {"groups": {"doctors": True}},
    ],
)
async def test_a_token_that_is_not_for_this_sign_in_is_refused(
    lied_to: LiedTo, claims: dict[str, Any]
) -> None:
    with pytest.raises(CredentialsError):
        await lied_to.told(**claims)
    assert lied_to.recorded.of("account.create") == []


@sqlite_only
async def test_a_token_nobody_signed_is_refused(lied_to: LiedTo) -> None:
    stranger = jwk.RSAKey.generate_key(2048)
    shared = jwk.OctKey.import_key(SECRET)
    pem = lied_to.liar.key.as_pem(private=False)
    forgeries: list[Any] = [
        lambda claims: by_hand("none", claims),
        lambda claims: sign(stranger, claims),
        lambda claims: sign(stranger, claims, kid="k2"),
        lambda claims: sign(shared, claims, alg="HS256"),
        lambda claims: by_hand("HS256", claims, pem),
        lambda claims: by_hand("RS256", claims, pem),
        lambda claims: sign(lied_to.liar.key, claims)[:-4] + "AAAA",
        lambda claims: by_hand("RS256", claims, kid=7),
        lambda claims: None,
        lambda claims: 7,
        lambda claims: "a.b.c",
        lambda claims: "x" * 20_000,
        lambda claims: "[" * 5000,
    ]
    for forge in forgeries:
        with pytest.raises(CredentialsError):
            await lied_to.told(forge)
    lied_to.liar.status = 400
    with pytest.raises(CredentialsError):
        await lied_to.told()


@sqlite_only
async def test_forged_key_ids_do_not_make_us_knock_at_the_provider(lied_to: LiedTo) -> None:
    stranger = jwk.RSAKey.generate_key(2048)
    for number in range(10):
        with pytest.raises(CredentialsError):
            await lied_to.told(lambda claims, number=number: sign(stranger, claims, kid=f"k{number + 2}"))
    assert lied_to.liar.asked.count(f"{ISSUER}/keys") == 1
    lied_to.clock.advance(61)
    with pytest.raises(CredentialsError):
        await lied_to.told(lambda claims: sign(stranger, claims, kid="k99"))
    assert lied_to.liar.asked.count(f"{ISSUER}/keys") == 2


@sqlite_only
@pytest.mark.parametrize(
    "url",
    [
        "http://id.example/auth",
        "https://evil.example/auth",
        "https://id.example.evil.example/auth",
        "https://id.example@evil.example/auth",
        "https://id.example:8443/auth",
        "http://127.0.0.1/auth",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "https://[bad",
        "",
        None,
        7,
    ],
)
async def test_metadata_sends_us_nowhere_else(lied_to: LiedTo, url: Any) -> None:
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        honest = lied_to.liar.metadata
        lied_to.liar.metadata = {**honest, name: url}
        fresh = LiedTo(lied_to.database, lied_to.clock)
        fresh.liar.metadata = lied_to.liar.metadata
        with pytest.raises(BusyError):
            await fresh.told()
        assert all(one.startswith(f"{ISSUER}/") for one in fresh.liar.asked)
        lied_to.liar.metadata = honest
        fresh.desk.close()


@sqlite_only
async def test_metadata_of_another_issuer_is_refused(lied_to: LiedTo) -> None:
    lied_to.liar.metadata["issuer"] = "https://evil.example"
    with pytest.raises(BusyError):
        await lied_to.start()


@sqlite_only
async def test_a_named_host_may_keep_the_keys(database: Database, database_clock: ManualClock) -> None:
    clinic = LiedTo(database, database_clock, hosts=frozenset({"auth.example"}))
    clinic.liar.metadata["authorization_endpoint"] = "https://auth.example/auth"
    assert (await clinic.start()).url.startswith("https://auth.example/auth?")
    clinic.desk.close()


@sqlite_only
async def test_the_second_factor_and_the_clinic_can_be_asked_of_the_provider(
    database: Database, database_clock: ManualClock
) -> None:
    clinic = LiedTo(
        database,
        database_clock,
        second_factor=("mfa", "urn:strong"),
        tenant_claim="org.id",
        roles_claim="realm.roles",
    )
    good = {"realm": {"roles": ["doctors"]}, "org": {"id": "clinic"}, "amr": ["pwd", "mfa"]}
    await clinic.told(**good)
    await clinic.told(**{**good, "amr": None, "acr": "urn:strong"})
    for wrong in (
        {"amr": ["pwd"]},
        {"amr": "mfa"},
        {"org": {"id": "other"}},
        {"org": "clinic"},
        {"realm": 7},
    ):
        with pytest.raises(CredentialsError):
            await clinic.told(**{**good, **wrong})
    clinic.desk.close()


@sqlite_only
async def test_roles_follow_the_provider(lied_to: LiedTo) -> None:
    rules = {"doctors": Role.CLINICIAN, "privacy": Role.COMPLIANCE}
    clinic = LiedTo(lied_to.database, lied_to.clock, roles=rules)
    assert (await clinic.told()).signed_in.account.roles == {Role.CLINICIAN}
    both = await clinic.told(groups=["doctors", "privacy"])
    assert both.signed_in.account.roles == {Role.CLINICIAN, Role.COMPLIANCE}
    assert len(clinic.recorded.of("account.change")) == 1
    clinic.desk.close()


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("/console?x=1", "/console?x=1"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x", "/"),
        ("", "/"),
        ("/" + "x" * 600, "/"),
    ],
)
def test_the_way_back_stays_on_this_server(path: str, taken: str) -> None:
    assert local_path(path) == taken


def test_only_https_or_this_machine() -> None:
    assert all(
        map(may_ask, ["https://id.example", "http://127.0.0.1:9", "http://localhost", "http://[::1]:9"])
    )
    wrong = [
        "http://id.example",
        "ftp://localhost",
        "https://u:p@id.example",
        "https://",
        "x",
        "http://10.0.0.1",
    ]
    assert not any(map(may_ask, wrong))
