"""Every wrong setting is named: where it stands, what is wrong with it, and what would be right."""

import json
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hullo.service.config import Config, config_schema, default_config_path, load_config
from hullo.service.config_errors import ConfigError, line_of
from hullo.service.secret_file import SecretError, read_key, read_secret


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1")


def write(tmp_path: Path, text: str, mode: int = 0o600) -> Path:
    path = tmp_path / "hullo.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def problems(path: Path | None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    return caught.value.problems


def test_a_brain_without_ears_and_mouth_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, '[speech]\nenabled = false\n[brain]\nkind = "echo"\n')
    with pytest.raises(ConfigError, match=r"turn \[speech\] on, or remove \[brain\] kind"):
        load_config(path)


def test_what_a_setting_is_for_is_told_on_the_same_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"speech.speculative.*in each pause") as caught:
        load_config(write(tmp_path, "[speech]\nspeculative = 'perhaps'\n"))
    assert all(problem.isprintable() for problem in caught.value.problems)


def test_without_a_file_the_defaults_hold() -> None:
    config = load_config()
    assert config.calls.answer == "ask"
    assert config.rpc.socket == Path("/run/user/1/hullo/hullo.sock")
    assert config.ice.servers == []
    assert not config.metrics.enabled


def test_a_file_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path / "none.toml")
    assert "does not exist" in problem


def test_the_file_of_the_user_is_read_when_none_is_named(tmp_path: Path) -> None:
    default_config_path().parent.mkdir(parents=True)
    default_config_path().write_text("[calls]\nmax_calls = 3\n")
    assert load_config().calls.max_calls == 3


def test_the_environment_overrides_the_file_and_the_file_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, '[calls]\nanswer = "auto"\nmax_calls = 3\n[browser]\nport = 9000\n')
    monkeypatch.setenv("HULLO__CALLS__MAX_CALLS", "4")
    monkeypatch.setenv("HULLO__ICE__SERVERS", '[{"url": "stun:a.example:3478"}]')
    config = load_config(path)
    assert (config.calls.answer, config.calls.max_calls, config.browser.port) == ("auto", 4, 9000)
    assert config.ice.options().servers[0].url == "stun:a.example:3478"


def test_origins_are_as_browsers_write_them(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        '[web]\nallowed_origins = ["https://Phone.example:443/"]\n'
        '[browser.dial_tokens]\n"http://other.example:8765/call" = "a token of theirs"',
    )
    path.chmod(0o600)
    config = load_config(path)
    assert config.web.allowed_origins == ["https://phone.example"]
    assert list(config.browser.dial_tokens) == ["http://other.example:8765"]


def test_each_server_is_for_the_daemon_for_pages_or_for_both(tmp_path: Path) -> None:
    servers = "".join(
        f'[[ice.servers]]\nurl = "turn:{used_by}"\nsecret = "s"\nused_by = "{used_by}"\n'
        for used_by in ("all", "daemon", "pages")
    )
    ice = load_config(write(tmp_path, servers)).ice
    assert [server.url for server in ice.options().servers] == ["turn:all", "turn:daemon"]
    assert [server.url for server in ice.page_servers()] == ["turn:all", "turn:pages"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[calls]\nanser = "auto"', "line 2: there is no setting 'calls.anser', did you mean 'answer'?"),
        ("[cals]\nmax_calls = 1", "line 1: there is no section 'cals', did you mean 'calls'?"),
        ("x = 1", "line 1: there is no section 'x'; there are: calls, speech, browser"),
        ('[calls]\n\nanswer = "never"', "line 3: calls.answer: it should be 'auto' or 'ask'"),
        ("[calls]\nmax_calls = 0", "line 2: calls.max_calls: it should be greater than or equal to 1"),
        ("calls.max_calls = 0", "line 1: calls.max_calls"),
        ("[calls]\nring_seconds = inf", "line 2: calls.ring_seconds"),
        ("[calls]\nquiet_seconds = 9\nlost_seconds = 8", "line 1: calls: lost_seconds must be more than quiet_seconds"),
        ('[[ice.servers]]\nurl = "stun:a"\n[[ice.servers]]\nurl = "turn:b"', "line 3: ice.servers.1: turn:b: a TURN"),
        (
            '[[ice.servers]]\nurl = "stun:a"\nuser = "b"',
            "line 3: there is no setting 'ice.servers.0.user', did you mean",
        ),
        ("[ice]\nrelay_only = true", "line 1: ice: relay_only needs a TURN server"),
        (
            '[ice]\nrelay_only = true\n[[ice.servers]]\nurl = "turn:a"\nsecret = "b"\nused_by = "pages"',
            "line 1: ice: relay_only needs a TURN server among the servers that the daemon uses",
        ),
        ("[speech]\nspeed = 10", "line 1: speech: speed is 80 to 450"),
        ('[speech]\nrecogniser = "whisper"', "line 1: speech: There is no recogniser 'whisper'"),
        ('[browser]\ntoken = "short"', "line 2: browser.token: Value should have at least 16"),
        ('[browser]\ncertificate = "/x"', "line 1: browser: certificate and key belong together"),
        (
            '[browser]\nallowed_origins = ["phone.example"]',
            "line 2: browser.allowed_origins.0: 'phone.example' is no origin",
        ),
        ("[browser]\nport = 65536", "line 2: browser.port"),
        ("[log]\nlevel = 3", "line 2: log.level"),
        ("calls = 3", "line 1: calls: "),
        ("[calls", "not TOML"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    path = write(tmp_path, text)
    found = problems(path)
    assert any(expected in problem for problem in found), found
    assert all(str(path) in problem for problem in found)


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    assert len(problems(write(tmp_path, "[calls]\na = 1\nmax_calls = 0\n[b]\n"))) == 3


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("HULLO__CALLS__MAX_CALLS", "many", "environment variable HULLO__CALLS__MAX_CALLS: calls.max_calls"),
        ("HULLO__CALLS__ANSER", "auto", "environment variable HULLO__CALLS__ANSER: there is no setting 'calls.anser'"),
        (
            "HULLO__CALS__ANSWER",
            "auto",
            "environment variable HULLO__CALS__ANSWER: there is no section 'cals', did you",
        ),
        ("HULLO__ICE__SERVERS", "[", "written as JSON"),
    ],
)
def test_what_is_wrong_in_the_environment_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(name, value)
    (problem,) = problems(None)
    assert expected in problem


SECRET = "0123456789abcdef-very-secret"


def test_secrets_are_in_no_representation_and_in_no_error(tmp_path: Path) -> None:
    text = f'[browser]\ntoken = "{SECRET}"\n[[ice.servers]]\nurl="turn:a"\nusername="u"\ncredential="{SECRET}"\n'
    text += f'[[ice.servers]]\nurl="turn:b"\nsecret="{SECRET}"\n'
    config = load_config(write(tmp_path, text))
    assert config.browser.token is not None
    assert config.browser.token.get_secret_value() == SECRET
    for shown in (repr(config), str(config), config.model_dump_json(), repr(config.ice.options())):
        assert SECRET not in shown
    broken = write(tmp_path, text.replace('username="u"\n', "").replace(SECRET, f"{SECRET}\\u0000"))
    assert SECRET not in "".join(problems(broken))


def test_a_file_with_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    (problem,) = problems(write(tmp_path, f'[browser]\ntoken = "{SECRET}"', 0o644))
    assert "chmod 600" in problem
    assert SECRET not in problem
    assert load_config(write(tmp_path, "[calls]\nmax_calls = 2", 0o644)).calls.max_calls == 2


def test_a_file_that_is_no_text_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "hullo.toml"
    path.write_bytes(b"\xff\xfe")
    assert "can't be read" in problems(path)[0]
    assert "can't be read" in problems(tmp_path)[0]


@given(st.text(max_size=200))
def test_garbage_gives_settings_or_a_config_error(text: str) -> None:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", errors="surrogatepass", newline="") as file:
        file.write(text)
        file.flush()
        try:
            assert isinstance(load_config(Path(file.name)), Config)
        except ConfigError as error:
            assert error.problems  # noqa: PT017


@given(st.text(alphabet='[]=."ab\n #', max_size=80), st.lists(st.sampled_from(["a", "b", 0]), max_size=3))
def test_the_line_of_a_setting_is_in_the_text_also_in_garbage(text: str, location: list[int | str]) -> None:
    line = line_of(text, tuple(location))
    assert line is None or 1 <= line <= len(text.splitlines())


def test_the_schema_describes_what_is_accepted(tmp_path: Path) -> None:
    schema = config_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    good: dict[str, Any] = tomllib.loads(
        '[calls]\nanswer="auto"\n[[ice.servers]]\nurl="turn:a"\nusername="u"\ncredential="c"\n[rpc]\nsocket="/x/y"\n'
    )
    jsonschema.validate(good, schema)
    wrong: list[dict[str, Any]] = [
        {"calls": {"anser": 1}},
        {"cals": {}},
        {"calls": {"max_calls": 0}},
        {"browser": {"token": "short"}},
    ]
    for bad in wrong:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, schema)
    sections = schema["$defs"].values()
    undescribed = [
        key for section in sections for key, it in section.get("properties", {}).items() if "description" not in it
    ]
    assert undescribed == []
    assert "/run/user" not in json.dumps(schema)


def test_a_secret_file(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(f"{SECRET}\n")
    path.chmod(0o600)
    assert read_secret(path) == SECRET


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [(SECRET, 0o640, "chmod 600"), ("short", 0o600, "fewer than 16"), ("é" * 30, 0o600, "make a new token")],
)
def test_a_secret_file_that_can_not_be_used(tmp_path: Path, content: str, mode: int, words: str) -> None:
    path = tmp_path / "token"
    path.write_text(content)
    path.chmod(mode)
    with pytest.raises(SecretError, match=words) as caught:
        read_secret(path)
    assert content not in str(caught.value)


def test_a_secret_file_that_is_not_one(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="No such file"):
        read_secret(tmp_path / "none")
    with pytest.raises(SecretError, match="is not a file"):
        read_secret(tmp_path)


AT_OPENAI = '[speech]\nrecogniser = "https://example.org/v1"\n'


def test_a_key_stands_in_a_file_of_its_own_or_in_one_that_nobody_else_may_read(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sk-short\n")
    key.chmod(0o600)
    config = load_config(write(tmp_path, f'{AT_OPENAI}recogniser_api_key_file = "{key}"'))
    assert config.speech.settings(read_key).recogniser_api_key == "sk-short"
    key.chmod(0o644)
    with pytest.raises(SecretError, match="chmod 600"):
        config.speech.settings(read_key)
    path = write(tmp_path, f'{AT_OPENAI}recogniser_api_key = "sk-short"')
    path.chmod(0o600)
    assert load_config(path).speech.settings(read_key).recogniser_api_key == "sk-short"
    assert "sk-short" not in repr(load_config(path))
    path.chmod(0o644)
    assert any("chmod 600" in problem for problem in problems(path))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f'{AT_OPENAI}recogniser_api_key = "a"\nrecogniser_api_key_file = "/b"', "are both set: keep one of them"),
        ('[speech]\nvoice_api_key_file = "/b"', "'espeak' takes no voice_api_key"),
        ('[speech]\nmodel = "small"', "'pocketsphinx' takes no model"),
    ],
)
def test_settings_of_engines_that_do_not_fit_are_named(tmp_path: Path, text: str, expected: str) -> None:
    assert any(expected in problem for problem in problems(write(tmp_path, text)))
