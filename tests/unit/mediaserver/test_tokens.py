"""Attacks on tokens, and what rotation promises."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwk, jwt

from mediaserver.identity.keys import KeyFileError, KeyRing
from mediaserver.identity.tokens import Tokens
from mediaserver.model.clock import ManualClock
from mediaserver.model.grants import Grants, Person, grants_for
from mediaserver.model.ids import RoomName
from mediaserver.model.pii import Pii
from mediaserver.model.roles import ALL_SOURCES, Role, Source
from signaling.ports import ErrorCode, Refused

ROOM = RoomName("room-1")
PERSON = Person("dr-1", Pii("Dr. One"), Role.CLINICIAN, grants_for(Role.CLINICIAN, ROOM), Pii({"a": "b"}))


def b64(data: bytes | str | dict[str, Any]) -> str:
    raw = (
        json.dumps(data).encode()
        if isinstance(data, dict)
        else data.encode()
        if isinstance(data, str)
        else data
    )
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Case:
    def __init__(self, folder: Path, algorithm: str = "HS256") -> None:
        self.clock = ManualClock()
        self.path = folder / "keys.json"
        self.keys = KeyRing.open_or_create(self.path, algorithm)
        self.tokens = Tokens(self.keys, self.clock)

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(self.clock.wall())
        base = {
            "iss": "mediaserver",
            "aud": "mediaserver",
            "sub": "x",
            "role": "patient",
            "iat": now,
            "nbf": now,
            "exp": now + 600,
            "jti": "j",
            "grants": {"room": ROOM, "join": True},
        }
        return {k: v for k, v in {**base, **changes}.items() if v is not ...}

    def signed(self, **changes: Any) -> str:
        return self.tokens.sign(self.claims(**changes))

    def refuses(self, token: str) -> str:
        with pytest.raises(Refused) as caught:
            self.tokens.authenticate(token)
        assert caught.value.code is ErrorCode.UNAUTHORIZED
        return caught.value.message


@pytest.fixture(params=["HS256", "Ed25519", "ES256"])
def case(tmp_path: Path, request: pytest.FixtureRequest) -> Case:
    return Case(tmp_path, request.param)


def test_a_token_gives_back_the_person(case: Case) -> None:
    person = case.tokens.authenticate(case.tokens.issue(PERSON, 60))
    assert (person.identity, person.name, person.role, person.grants) == (
        "dr-1",
        PERSON.name,
        Role.CLINICIAN,
        Grants(ROOM, join=True, publish=ALL_SOURCES, subscribe=True, admin=True),
    )
    assert person.metadata.reveal() == {"a": "b"}
    assert person.token_id


def test_grants_are_taken_as_they_are(case: Case) -> None:
    token = case.signed(grants={"room": ROOM, "join": True, "publish": ["microphone"], "hidden": True})
    grants = case.tokens.authenticate(token).grants
    assert grants == Grants(ROOM, join=True, publish=frozenset({Source.MICROPHONE}), hidden=True)


def test_alg_none_is_refused(case: Case) -> None:
    kid = case.keys.signing().kid
    for algorithm in ("none", "None", "NONE", "nOnE"):
        head = b64({"alg": algorithm, "kid": kid})
        case.refuses(f"{head}.{b64(case.claims())}.")
        case.refuses(f"{head}.{b64(case.claims())}.{b64('x' * 32)}")


def test_a_public_key_is_no_hmac_secret(case: Case) -> None:
    key = case.keys.signing()
    if key.algorithm == "HS256":
        pytest.skip("there is no public half")
    head = b64({"alg": "HS256", "kid": key.kid})
    body = b64(case.claims())
    assert isinstance(key.jwk, jwk.OKPKey | jwk.ECKey)
    publics = [key.jwk.as_pem(private=False), key.jwk.as_der(private=False)]
    publics += [json.dumps(key.jwk.as_dict(private=False)).encode(), str(key.jwk.as_dict()["x"]).encode()]
    for secret in publics:
        mac = hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha256).digest()
        case.refuses(f"{head}.{body}.{b64(mac)}")


@pytest.mark.parametrize(
    "algorithm", ["HS384", "HS512", "RS256", "PS256", "ES384", "EdDSA", "HS256", "ES256"]
)
def test_another_algorithm_than_the_key_is_pinned_to_is_refused(case: Case, algorithm: str) -> None:
    token = case.signed()
    head, body, signature = token.split(".")
    if json.loads(base64.urlsafe_b64decode(head + "=="))["alg"] == algorithm:
        return
    case.refuses(f"{b64({'alg': algorithm, 'kid': case.keys.signing().kid})}.{body}.{signature}")


def test_an_unknown_or_missing_or_odd_kid_is_refused(case: Case) -> None:
    stranger = jwk.OctKey.generate_key(256)
    for kid in ("nobody", "", "../keys", 1, None, ["a"], {"a": 1}):
        head = {"alg": "HS256", "kid": kid}
        body = b64(case.claims())
        mac = hmac.new(stranger.raw_value, f"{b64(head)}.{body}".encode(), hashlib.sha256).digest()
        case.refuses(f"{b64(head)}.{body}.{b64(mac)}")
    case.refuses(jwt.encode({"alg": "HS256"}, case.claims(), stranger))


def test_a_key_in_the_header_is_not_used(case: Case) -> None:
    own = jwk.OctKey.generate_key(256)
    head = {
        "alg": "HS256",
        "kid": case.keys.signing().kid,
        "jwk": own.as_dict(),
        "jku": "https://evil.example",
    }
    mac = hmac.new(own.raw_value, f"{b64(head)}.{b64(case.claims())}".encode(), hashlib.sha256).digest()
    case.refuses(f"{b64(head)}.{b64(case.claims())}.{b64(mac)}")


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another"},
        {"aud": ["another", "third"]},
        {"aud": "mediaserver:link"},
        {"aud": ...},
        {"iss": "https://evil.example"},
        {"iss": ...},
        {"exp": ...},
        {"exp": "tomorrow"},
        {"exp": 0},
        {"jti": ...},
        {"sub": ...},
        {"sub": ""},
        {"sub": "x" * 200},
        {"role": "king"},
        {"role": ...},
        {"grants": {"room": "../etc", "join": True}},
        {"grants": {"join": "yes"}},
        {"grants": {"unknown": True}},
        {"grants": {"publish": ["everything"]}},
        {"grants": []},
    ],
    ids=str,
)
def test_wrong_claims_are_refused_with_one_text(case: Case, changes: dict[str, Any]) -> None:
    assert case.refuses(case.signed(**changes)) == case.refuses("not a token")


def test_time_is_judged_with_leeway(case: Case) -> None:
    token = case.tokens.issue(PERSON, 60)
    case.clock.advance(60 + 29)
    case.tokens.authenticate(token)
    case.clock.advance(2)
    case.refuses(token)
    now = int(case.clock.wall())
    case.tokens.authenticate(case.signed(nbf=now + 29))
    case.refuses(case.signed(nbf=now + 60))
    case.refuses(case.signed(iat=now + 3600))


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "....",
        "é.b.c",
        "x" * 9000,
        "e30.e30.",
        "bnVsbA.e30.e30",
        "W10.e30.",
        "{}.{}.{}",
    ],
)
def test_junk_is_refused(case: Case, token: str) -> None:
    case.refuses(token)


def test_every_changed_character_is_noticed(case: Case) -> None:
    token = case.signed()
    for position in range(0, len(token) - 2, 7):  # the last character may hold bits that count for nothing
        changed = "A" if token[position] != "A" else "B"
        case.refuses(token[:position] + changed + token[position + 1 :])


def test_rotation_keeps_old_tokens_until_their_key_retires(case: Case) -> None:
    old = case.tokens.issue(PERSON, 600)
    old_kid = case.keys.signing().kid
    beside = KeyRing(case.path)  # the command line, beside the running server
    fresh = beside.rotate()
    case.tokens.authenticate(old)
    assert case.keys.signing().kid == fresh.kid
    case.tokens.authenticate(case.tokens.issue(PERSON, 600))
    with pytest.raises(KeyFileError):
        beside.retire(fresh.kid)
    beside.retire(old_kid)
    case.refuses(old)


def test_another_issuers_public_key_verifies_and_never_signs(tmp_path: Path) -> None:
    case = Case(tmp_path)
    theirs = jwk.OKPKey.generate_key("Ed25519", {"kid": "partner", "alg": "Ed25519", "use": "sig"})
    content = json.loads(case.path.read_text())
    content["keys"].append({**theirs.as_dict(private=False), "kid": "partner", "alg": "Ed25519"})
    case.path.write_text(json.dumps(content))
    token = jwt.encode(
        {"alg": "Ed25519", "kid": "partner"}, case.claims(iss="partner"), theirs, algorithms=["Ed25519"]
    )
    case.refuses(token)
    tokens = Tokens(case.keys, case.clock, issuers=frozenset({"partner"}))
    assert tokens.authenticate(token).identity == "x"
    content["signing"] = "partner"
    case.path.write_text(json.dumps(content))
    with pytest.raises(KeyFileError):
        KeyRing(case.path)


def test_the_key_file_is_private_and_errors_show_no_key(case: Case) -> None:
    assert case.path.stat().st_mode & 0o777 == 0o600
    secret = json.loads(case.path.read_text())["keys"][0]
    case.path.write_text(case.path.read_text()[:-5])
    with pytest.raises(KeyFileError) as caught:
        KeyRing(case.path)
    assert str(secret.get("k") or secret.get("d")) not in str(caught.value)


@pytest.mark.parametrize(
    "entry",
    [
        {"kty": "oct", "k": b64(b"short"), "kid": "a", "alg": "HS256"},
        {"kty": "oct", "k": b64(b"x" * 32), "kid": "a", "alg": "none"},
        {"kty": "oct", "k": b64(b"x" * 32), "kid": "a"},
        {"kty": "oct", "k": b64(b"x" * 32), "kid": "a", "alg": "ES256"},
    ],
    ids=str,
)
def test_weak_or_unpinned_keys_are_not_taken(tmp_path: Path, entry: dict[str, str]) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"signing": "a", "keys": [entry]}))
    with pytest.raises(KeyFileError):
        KeyRing(path)


def test_life_is_bounded(case: Case) -> None:
    for ttl in (0, -1, 31 * 24 * 3600):
        with pytest.raises(ValueError):
            case.tokens.issue(PERSON, ttl)
