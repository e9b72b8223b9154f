"""Settings: flags over environment (MEDIASERVER_*) over one YAML file over defaults.

Every limit of the server has its name here; docs/operations.md tells what each does. A nested value is
reached in the environment by two underscores: MEDIASERVER_HTTP__LISTEN=0.0.0.0:443.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)
from yaml import YAMLError

from mediaserver.identity.lockout import LockoutRule
from mediaserver.identity.oidc_provider import may_ask
from mediaserver.identity.passwords import Argon2
from mediaserver.identity.permissions import STAFF
from mediaserver.identity.rules import IdentityRules, OidcRules
from mediaserver.model.roles import Role
from mediaserver.storage.engines import Options as StorageOptions
from sfu import EngineConfig, Limits

Seconds = float


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


# A list may be written "a, b" in the environment, as well as in YAML.
Strings = Annotated[list[str], NoDecode, BeforeValidator(_split)]
Networks = Annotated[list[Network], NoDecode, BeforeValidator(_split)]


class ConfigError(Exception):
    """The settings are no good; the text says which and why, and shows no value."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def parse_listen(text: str) -> tuple[str, int]:
    """`HOST:PORT`, `[v6]:PORT` or `:PORT` (every address). Raises ValueError."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise ValueError("write it as HOST:PORT, for example 127.0.0.1:8080 or [::1]:8080")
    return host, int(port)


class TlsSettings(_Section):
    """PEM files; read again when they change or on SIGHUP."""

    certificate: Path
    key: Path


class HttpSettings(_Section):
    """Pages, websocket, WHIP, WHEP and REST."""

    listen: Strings = ["127.0.0.1:8080"]
    tls: TlsSettings | None = None
    # Networks whose X-Forwarded-For and -Proto are believed.
    trusted_proxies: Networks = []
    # Further origins whose pages may open a websocket, such as an integrator's.
    origins: Strings = []
    # How people reach the server, for printed links: https://visit.clinic.example
    public_url: str | None = None
    max_body: int = Field(default=1024 * 1024, ge=64 * 1024)  # bytes
    metrics: bool = True

    @field_validator("listen")
    @classmethod
    def _listen(cls, value: list[str]) -> list[str]:
        for text in value:
            parse_listen(text)
        return value


class MediaSettings(_Section):
    """The UDP side. Worker i listens on PORT + i."""

    listen: Strings = ["0.0.0.0:7882", "[::]:7882"]
    # Addresses to tell clients instead of the machine's own (behind NAT).
    announced: Strings = []
    # Announce loopback addresses too: for browsers on this very machine.
    announce_loopback: bool = False
    workers: int = Field(default=1, ge=1, le=64)
    # Limits of the media core by the names of `sfu.Limits`; what is left out takes the core's default.
    limits: dict[str, float] = {}

    @field_validator("limits")
    @classmethod
    def _limits(cls, value: dict[str, float]) -> dict[str, float]:
        names = sorted(Limits.__dataclass_fields__)
        if not set(value) <= set(names):
            raise ValueError(f"limits are {', '.join(names)}")
        if any(limit < 0 for limit in value.values()):
            raise ValueError("a limit is not negative")
        return value

    def engine_config(self) -> EngineConfig:
        """The same for the media core."""
        # The core's counts are whole numbers, its times are not; YAML and JSON don't tell them apart.
        limits = {name: int(value) if value == int(value) else value for name, value in self.limits.items()}
        return EngineConfig(
            host=tuple(self.hosts),
            port=self.port,
            workers=self.workers,
            announced=tuple(self.announced),
            announce_loopback=self.announce_loopback,
            limits=Limits(**limits),  # type: ignore[arg-type]
        )

    @field_validator("listen")
    @classmethod
    def _listen(cls, value: list[str]) -> list[str]:
        if not value or len({parse_listen(text)[1] for text in value}) != 1:
            raise ValueError("give at least one address, and the same port for each")
        return value

    @field_validator("announced")
    @classmethod
    def _addresses(cls, value: list[str]) -> list[str]:
        for text in value:
            ipaddress.ip_address(text)
        return value

    @property
    def hosts(self) -> list[str]:
        """Addresses bound."""
        return [parse_listen(text)[0] for text in self.listen]

    @property
    def port(self) -> int:
        """First port."""
        return parse_listen(self.listen[0])[1]


class RoomSettings(_Section):
    """Defaults and limits of rooms; times in seconds."""

    max_rooms: int = Field(default=1_000, ge=1)
    max_participants: int = Field(default=50, ge=1)
    empty_timeout: Seconds = Field(default=300, ge=0)
    resume_window: Seconds = Field(default=120, ge=0)
    connect_timeout: Seconds = Field(default=30, gt=0)
    chat_lines: int = Field(default=100, ge=0)
    slots_audio: int = Field(default=3, ge=1, le=16)
    slots_video: int = Field(default=3, ge=1, le=16)


class SignalingSettings(_Section):
    """Websocket: times in seconds, sizes in bytes, rates per second."""

    heartbeat: Seconds = Field(default=1.0, gt=0, le=1.0)
    dead_after: Seconds = Field(default=3.0, gt=1.0)
    join_timeout: Seconds = Field(default=10.0, gt=0)
    message_size: int = Field(default=256 * 1024, ge=16 * 1024)
    message_rate: float = Field(default=20.0, gt=0)
    message_burst: float = Field(default=60.0, ge=1)
    connections: int = Field(default=10_000, ge=1)
    queue_messages: int = Field(default=512, ge=16)
    queue_bytes: int = Field(default=2 * 1024 * 1024, ge=64 * 1024)


class TokenSettings(_Section):
    """Access tokens. Keys stand in `keys.json` of the data folder."""

    leeway: int = Field(default=30, ge=0, le=300)  # seconds of clock skew
    issuers: Strings = []  # further `iss` values whose keys are in the key file


class IceServerSettings(_Section):
    """A STUN or TURN server as browsers are told."""

    urls: list[str]
    username: str | None = None
    credential: SecretStr | None = None


class TurnSettings(_Section):
    """TURN with a shared secret (coturn's use-auth-secret)."""

    urls: Strings = []
    secret: SecretStr = SecretStr("")
    ttl: int = Field(default=12 * 3600, ge=60)  # seconds

    @model_validator(mode="after")
    def _complete(self) -> TurnSettings:
        if self.urls and not self.secret.get_secret_value():
            raise ValueError("a TURN server needs `secret`, coturn's static-auth-secret")
        return self


class StorageSettings(_Section):
    """The database of the record: times in seconds."""

    # sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE. Left out: `clinic.db` in the data folder.
    url: SecretStr | None = None
    busy_timeout: Seconds = Field(default=5.0, gt=0)  # for a lock that another process holds
    wait_timeout: Seconds = Field(default=10.0, gt=0)  # for the own turn: the writer's lock, a connection
    statement_timeout: Seconds = Field(default=30.0, gt=0)  # PostgreSQL
    readers: int = Field(default=4, ge=1, le=64)  # SQLite: connections that read beside the writer
    pool_size: int = Field(default=10, ge=2, le=1000)  # PostgreSQL: connections

    def options(self) -> StorageOptions:
        """The same for the storage."""
        return StorageOptions(**self.model_dump(exclude={"url"}))


class AuditSettings(_Section):
    """The audit log."""

    key_file: Path | None = None  # left out: `audit-key.json` in the data folder
    # Where the signed heads go: best another disk or machine. Left out: beside the data folder.
    witness: Path | None = None


class LockoutSettings(_Section):
    """How wrong tries are slowed down; times in seconds."""

    free: int = Field(default=5, ge=1)  # failures that cost nothing
    first: Seconds = Field(default=30, ge=1)  # the next one costs this, each further twice as much
    longest: Seconds = Field(default=900, ge=1)
    forget: Seconds = Field(default=24 * 3600, ge=60)

    def rule(self) -> LockoutRule:
        """The same for identity."""
        return LockoutRule(self.free, self.first, self.longest, self.forget)


class Argon2Settings(_Section):
    """Cost of one password hash (RFC 9106)."""

    memory: int = Field(default=64 * 1024, ge=19 * 1024)  # KiB; the least is OWASP's
    passes: int = Field(default=3, ge=2)
    lanes: int = Field(default=4, ge=1, le=16)


class OidcSettings(_Section):
    """The clinic's own OpenID provider."""

    issuer: str
    client_id: str
    client_secret: SecretStr
    roles: dict[str, Role]  # a value of the claim -> a role
    roles_claim: str = "roles"  # or a path: realm_access.roles
    tenant_claim: str | None = None
    scopes: Strings = ["openid", "profile", "email"]
    hosts: Strings = []  # further hosts that its endpoints may be on
    second_factor: Strings = []  # acr or amr values, one of which must be there

    @field_validator("issuer")
    @classmethod
    def _issuer(cls, value: str) -> str:
        if not may_ask(value):
            raise ValueError("an issuer is an https URL (http only on this machine)")
        return value

    @field_validator("roles")
    @classmethod
    def _roles(cls, value: dict[str, Role]) -> dict[str, Role]:
        if not value or not set(value.values()) <= STAFF:
            raise ValueError(f"map at least one value, to {', '.join(sorted(STAFF))}")
        return value


class IdentitySettings(_Section):
    """Signing in; times in seconds."""

    idle: Seconds = Field(default=15 * 60, ge=10)  # automatic logoff
    absolute: Seconds = Field(default=12 * 3600, ge=60)
    fresh: Seconds = Field(default=15 * 60, ge=30)
    sessions: int = Field(default=20, ge=1)
    second_factor: bool = True
    password_length: int | None = Field(default=None, ge=8, le=64)
    recovery: Seconds = Field(default=24 * 3600, ge=300)
    breakglass: Seconds = Field(default=3600, ge=60)
    account_lockout: LockoutSettings = LockoutSettings()
    address_lockout: LockoutSettings = LockoutSettings(free=50, first=10)
    argon2: Argon2Settings = Argon2Settings()
    oidc: OidcSettings | None = None

    def rules(self, clinic: str) -> IdentityRules:
        """The same for identity. `clinic`: its name, shown by authenticators."""
        oidc = self.oidc
        return IdentityRules(
            idle=self.idle,
            absolute=self.absolute,
            fresh=self.fresh,
            sessions=self.sessions,
            second_factor=self.second_factor,
            password_length=self.password_length,
            recovery=self.recovery,
            breakglass=self.breakglass,
            account_lockout=self.account_lockout.rule(),
            address_lockout=self.address_lockout.rule(),
            argon2=Argon2(self.argon2.memory, self.argon2.passes, self.argon2.lanes),
            clinic=clinic,
            oidc=None
            if oidc is None
            else OidcRules(
                issuer=oidc.issuer,
                client_id=oidc.client_id,
                client_secret=oidc.client_secret.get_secret_value(),
                roles=oidc.roles,
                roles_claim=oidc.roles_claim,
                tenant_claim=oidc.tenant_claim,
                scopes=tuple(oidc.scopes),
                hosts=frozenset(oidc.hosts),
                second_factor=tuple(oidc.second_factor),
            ),
        )


class LogSettings(_Section):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"


class Settings(BaseSettings):
    """All settings."""

    model_config = SettingsConfigDict(
        env_prefix="MEDIASERVER_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    data: Path = Path("data")
    dev: bool = False  # demo clinic, sign-in without proof: on localhost, never with patients
    clinic: str = "Clinic"  # what patients are told they are calling
    http: HttpSettings = HttpSettings()
    media: MediaSettings = MediaSettings()
    rooms: RoomSettings = RoomSettings()
    signaling: SignalingSettings = SignalingSettings()
    tokens: TokenSettings = TokenSettings()
    ice_servers: list[IceServerSettings] = []
    turn: TurnSettings = TurnSettings()
    storage: StorageSettings = StorageSettings()
    audit: AuditSettings = AuditSettings()
    identity: IdentitySettings = IdentitySettings()
    log: LogSettings = LogSettings()
    shutdown_grace: Seconds = Field(default=5.0, ge=0)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The YAML file travels as an argument named `_file`, which no setting can be called."""
        flags: dict[str, Any] = (
            dict(init_settings.init_kwargs) if isinstance(init_settings, InitSettingsSource) else {}
        )
        file = flags.pop("_file", None)
        sources: tuple[PydanticBaseSettingsSource, ...] = (
            InitSettingsSource(settings_cls, flags),
            env_settings,
        )
        if file is not None:
            sources = (*sources, YamlConfigSettingsSource(settings_cls, yaml_file=file))
        return sources

    @property
    def keys_file(self) -> Path:
        """Signing keys."""
        return self.data / "keys.json"

    @property
    def storage_url(self) -> str:
        """Where the database is. It may hold a password."""
        url = self.storage.url
        return f"sqlite:///{self.data / 'clinic.db'}" if url is None else url.get_secret_value()

    @property
    def audit_key_file(self) -> Path:
        """The key that signs the audit log's heads."""
        return self.audit.key_file or self.data / "audit-key.json"

    @property
    def audit_witness_file(self) -> Path:
        """The second place of the audit log: not in the data folder, so that one slip doesn't take both."""
        folder = self.data.resolve()
        return self.audit.witness or folder.with_name(f"{folder.name}-witness") / "heads.jsonl"

    @property
    def identity_key_file(self) -> Path:
        """Seals the secrets of authenticators."""
        return self.data / "identity-key"

    @property
    def links_folder(self) -> Path:
        """Join links."""
        return self.data / "links"


def load(file: Path | None = None, flags: dict[str, Any] | None = None) -> Settings:
    """Reads the settings; `flags` as nested dictionaries. Raises ConfigError."""
    try:
        if file is not None and not file.is_file():
            raise ConfigError(f"there is no file {file}")
        return Settings(**{**(flags or {}), "_file": file})
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False)]
        raise ConfigError("; ".join(lines)) from None
    except (YAMLError, OSError, TypeError, ValueError) as error:
        raise ConfigError(f"{file} can't be read ({type(error).__name__})") from None
