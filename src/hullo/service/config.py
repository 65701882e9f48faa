"""The configuration: a TOML file, environment variables over it, defaults below it.

Every setting of the file can be overridden as `HULLO__SECTION__KEY`, lists as JSON. Nothing is ignored: an unknown key
is an error that names the nearest right one.
"""

import os
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BaseModel, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from hullo.audio.settings import AudioConfig
from hullo.brain.settings import BrainConfig
from hullo.call.limits import Limits
from hullo.folders import CONFIG_NAME, config_path
from hullo.lines.direct.private.settings import DirectConfig
from hullo.lines.telegram.account.settings import TelegramConfig
from hullo.messages.settings import MessagesConfig, VoicemailConfig
from hullo.rtc.parameters import IceOptions, IceServer, IceServerError
from hullo.section import SECTION, HomePath, Seconds
from hullo.service.config_errors import ENV_PREFIX, ConfigError, Source, explain, unknown_variables
from hullo.service.unix_socket import default_socket_path
from hullo.speech.endpointing.choice import ADAPTIVE
from hullo.speech.engine_settings import ESPEAK, POCKETSPHINX
from hullo.speech.errors import SpeechError
from hullo.speech.interruption.decision import InterruptionSettings
from hullo.speech.interruption.words import FloorWords, floor_words
from hullo.speech.settings import SpeechSettings
from hullo.speech.speaking.phrases import default_phrase_folder
from hullo.web.settings import Origin, WebConfig

Port: TypeAlias = Annotated[int, Field(ge=0, le=65_535)]


class Section(BaseModel):
    """One section of the file."""

    model_config = SECTION


class CallsConfig(Section):
    """How calls are taken, and how long they may wait for what."""

    answer: Literal["auto", "ask"] = "ask"
    """`auto` answers every incoming call at once, `ask` lets it ring until `call.accept`."""
    max_calls: Annotated[int, Field(ge=1, le=1000)] = 20
    """Calls that may be live at once; further ones are turned away as busy."""
    ring_seconds: Seconds = 60.0
    """From the dialing, or the first ring of an incoming call, to the answer."""
    connect_seconds: Seconds = 20.0
    """From the answer to proven audio in both directions."""
    quiet_seconds: Seconds = 3.0
    """Without any packet of the peer before the call counts as reconnecting."""
    lost_seconds: Seconds = 30.0
    """Without any packet of the peer before the call is given up."""
    max_seconds: Seconds | None = None
    """A call is ended after this long; left out: never."""
    history: Annotated[int, Field(ge=0, le=10_000)] = 500
    """Ended calls that `history.list` shows. They are written to disk, encrypted, only where private calls are enabled;
    otherwise they are forgotten when the daemon ends."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.lost_seconds <= self.quiet_seconds:
            raise ValueError("lost_seconds must be more than quiet_seconds")
        return self

    def limits(self) -> Limits:
        """The section as `hullo.call` takes it."""
        return Limits(
            calls=self.max_calls,
            ring=self.ring_seconds,
            connect=self.connect_seconds,
            quiet=self.quiet_seconds,
            lost=self.lost_seconds,
            longest=self.max_seconds,
        )


class SpeechConfig(Section):
    """How the daemon hears and speaks."""

    enabled: bool = True
    """False: calls carry sound, play files and are recorded, but nothing is recognised or spoken."""
    recogniser: str = POCKETSPHINX
    """`pocketsphinx` (offline, US English), `faster-whisper`, an engine that another package brings, or the URI of a
    server: Wyoming at `tcp://host:port` or `unix:///path`, OpenAI-compatible at `https://host/v1`."""
    model: str | None = None
    """Whisper model by name, or its directory; left out: `base`. For a server, one of its models."""
    language: str | None = None
    """Language that is spoken, such as `de`; left out: the recogniser's own, or what it finds."""
    prompt: str | None = None
    """Text that might have come before, in the spelling to expect, for faster-whisper and OpenAI-compatible servers."""
    hot_words: list[str] = []
    """Names and words to expect; not for pocketsphinx."""
    recogniser_api_key: SecretStr | None = None
    """For an OpenAI-compatible recogniser. Whoever may read this file may use it: chmod 600 it."""
    recogniser_api_key_file: HomePath | None = None
    """A file, readable by its owner only, that holds the key."""
    voice: str = ESPEAK
    """`espeak` (offline), `piper`, an engine that another package brings, or the URI of a server as above."""
    voice_name: str | None = None
    """A voice of that engine or server, for piper also an `.onnx` file; left out: its own choice, `en-us+f2` for
    eSpeak and `en_US-lessac-medium` for piper."""
    voice_model: str | None = None
    """Model of an OpenAI-compatible voice; left out: `tts-1`."""
    voice_api_key: SecretStr | None = None
    """For an OpenAI-compatible voice. Whoever may read this file may use it: chmod 600 it."""
    voice_api_key_file: HomePath | None = None
    """A file, readable by its owner only, that holds the key."""
    speaker: str | None = None
    """One of the speakers of a voice that has several."""
    speed: float | None = None
    """Words per minute for eSpeak, 80 to 450 (left out: 160); 0.25 to 4 times the normal speed for others."""
    pitch: int | None = None
    """eSpeak's pitch, 0 to 99; left out: 40."""
    endpointing: str = ADAPTIVE
    """What tells that the peer has finished: `adaptive` (the person's own pauses and melody), `words` (these and what
    was said, by `language`), `fixed`, or an installed entry point of the group `hullo.endpointing`."""
    end_pause_seconds: Seconds | None = None
    """Silence that ends a turn with `fixed` endpointing; left out: 0.7."""
    speculative: bool | None = None
    """Whether recognition begins in each pause of 0.2 s and is dropped if the peer goes on: answers come sooner, for
    some more requests. Left out: yes, but not for an OpenAI-compatible recogniser, where each may cost."""
    live_words: bool = False
    """Sends `call.partial` while the peer speaks, not only in pauses, where the recogniser can. Most hear all of the
    turn anew for each of them, so with a slow one the answers come later."""
    noise_suppression: bool = False
    """Takes noise out of what the peer says before anything listens to it; needs `pip install 'hullo[devices]'`."""
    max_segment_seconds: Seconds = 30.0
    """Longest stretch that is recognised at once: longer speech is cut at its best pause, its words joined."""
    align_words: bool = True
    """Finds the words of a voice that does not tell when it says them, by comparison with eSpeak NG; false: estimates
    them by their length."""
    filler: list[Annotated[str, Field(min_length=1, max_length=200)]] = []
    """Said in turn while whoever answers is silent, such as `["One moment.", "Let me see."]`."""
    filler_seconds: Seconds = 2.0
    """How long that silence is."""
    keep_phrases: bool = True
    """Whether phrases that were prepared (the greeting, `speech.prepare`) are kept in `~/.cache/hullo/phrases`."""
    interruptible: bool = True
    """Whether the peer interrupts by speaking; `call.interruptible` changes it for a call."""
    stop_seconds: Seconds = 0.06
    """The peer's voice has lasted so long: we pause. Before, from 0.06 s on, we only speak 15 dB lower: with 0.6
    agreement hardly ever stops us, and whoever really interrupts hears us so much longer. A peer who has just agreed
    gets 0.6."""
    interrupt_seconds: Seconds = 1.2
    """The peer goes on for so long: it is an interruption, and the answer is over."""
    resume_seconds: Seconds = 0.2
    """The peer is silent again for so long before that: it was agreement, and we go on at the word that was cut."""
    agreeing_words: list[str] | None = None
    """Words that interrupt nobody, in place of the built-in ones of `language` (en, de, es, fr, ru; left out: en)."""
    stopping_words: list[str] | None = None
    """Words of which a single one interrupts, likewise."""
    recogniser_timeout_seconds: Seconds = 60.0
    """Longest wait for the recogniser; what all calls say queues up in front of it. An engine that takes longer for one
    piece of speech counts as stuck and is started again."""
    voice_timeout_seconds: Seconds = 10.0
    """Longest wait for the next sound of the voice."""
    nice: int = 5
    """How far our recogniser and voice give way to the calls when both want the same core: 0 (not at all) to 19."""

    @model_validator(mode="after")
    def _valid(self) -> Self:
        for name in ("recogniser_api_key", "voice_api_key"):
            if getattr(self, name) is not None and getattr(self, f"{name}_file") is not None:
                raise ValueError(f"{name} and {name}_file are both set: keep one of them")
        try:
            self.settings()
        except SpeechError as error:
            raise ValueError(str(error)) from None
        return self

    def settings(self, read_key: Callable[[Path], str] = str) -> SpeechSettings:
        """The section as `hullo.speech` takes it, with keys out of their files by `read_key`. Raises `SpeechError`."""
        return SpeechSettings(
            recogniser=self.recogniser,
            model=self.model,
            language=self.language,
            prompt=self.prompt,
            hot_words=tuple(self.hot_words),
            recogniser_api_key=_key(self.recogniser_api_key, self.recogniser_api_key_file, read_key),
            voice=self.voice,
            voice_name=self.voice_name,
            voice_model=self.voice_model,
            voice_api_key=_key(self.voice_api_key, self.voice_api_key_file, read_key),
            speaker=self.speaker,
            speed=self.speed,
            pitch=self.pitch,
            endpointing=self.endpointing,
            end_pause=self.end_pause_seconds,
            speculative=self.speculative,
            live_words=self.live_words,
            noise_suppression=self.noise_suppression,
            max_segment=self.max_segment_seconds,
            align_words=self.align_words,
            filler=tuple(self.filler),
            filler_after=self.filler_seconds,
            phrase_folder=default_phrase_folder() if self.keep_phrases else None,
            interruption=self._interruption(),
            recogniser_timeout=self.recogniser_timeout_seconds,
            voice_timeout=self.voice_timeout_seconds,
            nice=self.nice,
        )

    def floor_words(self) -> FloorWords:
        """What agreement is, and what is not."""
        return floor_words(self.language, self.agreeing_words, self.stopping_words)

    def _interruption(self) -> InterruptionSettings:
        return InterruptionSettings(
            enabled=self.interruptible,
            stop=self.stop_seconds,
            interrupt=self.interrupt_seconds,
            release=self.resume_seconds,
            words=self.floor_words(),
        )


def _key(key: SecretStr | None, file: Path | None, read: Callable[[Path], str]) -> str | None:
    if key is not None:
        return key.get_secret_value()
    return read(file) if file is not None else None


class BrowserConfig(Section):
    """The line for browsers and other WebRTC peers: an SDP offer over HTTP, an answer back."""

    enabled: bool = True
    """Whether the line is there."""
    host: str = "127.0.0.1"
    """Address to listen on. Anything but loopback needs a token."""
    port: Port = 8765
    """Port to listen on; 0 takes a free one."""
    token: Annotated[SecretStr, Field(min_length=16)] | None = None
    """What callers send as `Authorization: Bearer ...`. Whoever may read this file may call then: chmod 600 it."""
    token_file: HomePath | None = None
    """A file, readable by its owner only, that holds the token."""
    allowed_origins: list[Origin] = []
    """Web origins whose pages may call, such as `https://example.org`."""
    certificate: HomePath | None = None
    """TLS certificate chain (PEM) to serve HTTPS with; browsers give a microphone to HTTPS pages and localhost only."""
    key: HomePath | None = None
    """The certificate's private key (PEM)."""
    dial_tokens: dict[Origin, SecretStr] = {}
    """Tokens for calling others, by origin: `"https://example.org" = "..."`."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.token is not None and self.token_file is not None:
            raise ValueError("token and token_file are both set: keep one of them")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key belong together: set both or none")
        return self

    def tokens(self) -> dict[str, str]:
        """`dial_tokens` as the browser line takes them."""
        return {origin: token.get_secret_value() for origin, token in self.dial_tokens.items()}


class IceServerConfig(Section):
    """One STUN or TURN server."""

    url: str
    """`stun:host:port`, `turn:host:port?transport=udp` or `turns:host:port`."""
    username: str | None = None
    """For TURN."""
    credential: SecretStr | None = None
    """For TURN."""
    secret: SecretStr | None = None
    """For TURN, in place of `credential`: what is shared with a server that takes logins of limited time, coturn's
    `static-auth-secret`. Logins for an hour are made of it; it is told to nobody."""
    used_by: Literal["all", "daemon", "pages"] = "all"
    """Who is to use it. `pages` are browsers that have shown the token of `[web]` or `[browser]`: they are told it."""

    @model_validator(mode="after")
    def _valid(self) -> Self:
        try:
            self.server()
        except IceServerError as error:
            raise ValueError(str(error)) from None
        return self

    def server(self) -> IceServer:
        """The server as `hullo.rtc` takes it."""
        credential = None if self.credential is None else self.credential.get_secret_value()
        secret = None if self.secret is None else self.secret.get_secret_value()
        return IceServer(self.url, self.username, credential, secret)


class IceConfig(Section):
    """How calls find their way through networks. There are no public defaults."""

    servers: list[IceServerConfig] = []
    """STUN and TURN servers to use."""
    relay_only: bool = False
    """Only calls through a TURN server, so that peers never learn our addresses."""

    @model_validator(mode="after")
    def _has_a_relay(self) -> Self:
        if self.relay_only and not any(one.is_turn for one in self.options().servers):
            raise ValueError("relay_only needs a TURN server among the servers that the daemon uses")
        return self

    def options(self) -> IceOptions:
        """The section as `hullo.rtc` takes it."""
        return IceOptions(tuple(one.server() for one in self.servers if one.used_by != "pages"), self.relay_only)

    def page_servers(self) -> tuple[IceServer, ...]:
        """Those that pages are told."""
        return tuple(one.server() for one in self.servers if one.used_by != "daemon")


class RpcConfig(Section):
    """The JSON-RPC interface."""

    socket: HomePath = Field(default_factory=default_socket_path)
    """The Unix socket; left out: `$XDG_RUNTIME_DIR/hullo/hullo.sock`, else `~/.hullo/hullo.sock`."""
    max_clients: Annotated[int, Field(ge=1, le=10_000)] = 256
    """Clients that may be connected at once."""


class MetricsConfig(Section):
    """Figures for Prometheus, at `http://host:port/metrics`."""

    enabled: bool = False
    """Whether they are served."""
    host: str = "127.0.0.1"
    """Address to listen on. There is no password: leave it at loopback unless the network is yours."""
    port: Port = 9464
    """Port to listen on; 0 takes a free one."""


class LogConfig(Section):
    """The log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important messages to show."""


class Config(BaseSettings):
    """All settings of a daemon."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
        title="hullo.toml",
    )

    calls: CallsConfig = CallsConfig()
    speech: SpeechConfig = SpeechConfig()
    browser: BrowserConfig = BrowserConfig()
    telegram: TelegramConfig = Field(default_factory=TelegramConfig)
    direct: DirectConfig = Field(default_factory=DirectConfig)
    web: WebConfig = Field(default_factory=WebConfig)
    brain: BrainConfig = BrainConfig()
    audio: AudioConfig = AudioConfig()
    messages: MessagesConfig = Field(default_factory=MessagesConfig)
    voicemail: VoicemailConfig = VoicemailConfig()
    ice: IceConfig = IceConfig()
    rpc: RpcConfig = Field(default_factory=RpcConfig)
    metrics: MetricsConfig = MetricsConfig()
    log: LogConfig = LogConfig()

    @model_validator(mode="after")
    def _voicemail_can_work(self) -> Self:
        if self.voicemail.enabled:
            if not self.messages.enabled:
                raise ValueError("voicemail keeps messages: turn [messages] on")
            if self.voicemail.after_seconds >= self.calls.ring_seconds:
                raise ValueError("[voicemail] after_seconds must be less than [calls] ring_seconds")
            if self.voicemail.greeting_file is None and self.voicemail.greeting and not self.speech.enabled:
                raise ValueError("the greeting of [voicemail] needs a voice: turn [speech] on, or name a greeting_file")
        return self

    @model_validator(mode="after")
    def _brain_can_talk(self) -> Self:
        if self.brain.kind is not None and not self.speech.enabled:
            raise ValueError("[brain] answers what is heard, and speaks: turn [speech] on, or remove [brain] kind")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment over the file, which comes as arguments."""
        return env_settings, init_settings

    def holds_secret(self) -> bool:
        """Whether a secret stands among the settings themselves."""
        return bool(
            self.browser.token
            or self.brain.api_key
            or self.browser.dial_tokens
            or self.speech.recogniser_api_key
            or self.speech.voice_api_key
            or self.telegram.api_hash
            or self.direct.passphrase
            or any(server.credential or server.secret for server in self.ice.servers)
        )


def default_config_path() -> Path:
    """`$XDG_CONFIG_HOME/hullo/hullo.toml`, or `~/.config/hullo/hullo.toml`."""
    return config_path(CONFIG_NAME)


def load_config(path: Path | None = None) -> Config:
    """The settings from `path`, or from the default path if there is a file, with the environment over them.

    Raises `ConfigError`, which names every wrong setting: where it stands, what is wrong, what to do.
    """
    source = _read(path or default_config_path(), required=path is not None)
    unknown = unknown_variables(Config, os.environ)
    if unknown:
        raise ConfigError(unknown)
    try:
        config = Config(**_parse(source))
    except ValidationError as error:
        raise ConfigError(explain(error, Config, source, os.environ)) from None
    except SettingsError as error:
        raise ConfigError([f"environment: {error}: lists and sections are written as JSON there"]) from None
    _guard(source, config)
    return config


def config_schema() -> dict[str, Any]:
    """The JSON Schema of the file, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Config.model_json_schema()}


def _read(path: Path, *, required: bool) -> Source:
    try:
        return Source(path, path.read_text("utf-8"))
    except FileNotFoundError:
        if required:
            raise ConfigError([f"{path} does not exist: check the path, or leave it out to use the defaults"]) from None
        return Source(path, "")
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path} can't be read: it is no UTF-8 text, {error.reason}"]) from None
    except OSError as error:
        raise ConfigError([f"{path} can't be read: {(error.strerror or str(error)).lower()}"]) from None


def _parse(source: Source) -> dict[str, Any]:
    try:
        return tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{source.path}: not TOML: {error}"]) from None


def _guard(source: Source, config: Config) -> None:
    """Raises `ConfigError` if the file holds a secret that others may read."""
    if source.text and config.holds_secret() and source.path.stat().st_mode & 0o077:
        problem = f"{source.path} holds a secret and others may read it: chmod 600 {source.path}"
        raise ConfigError([problem])
