"""Category: unit. Who may use the HTTP server: host, origin and token, judged without a server."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.config import Config, HttpConfig
from bridge.errors import ConfigError, StartError
from bridge.http_config import is_loopback, required_token
from bridge.http_guard import Rules, host_name, judge_host, judge_origin, judge_token, rules_for
from bridge.tokens import TOKEN, cookie_of, kept_token, read_token, same_token

TOKEN_TEXT = "a-token-of-the-tests-0123456789"


def rules(host: str = "127.0.0.1", *names: str, origins: frozenset[str] = frozenset()) -> Rules:
    return rules_for(host, names=frozenset(names), origins=origins, token=None)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("localhost:9131", "localhost"),
        ("LOCALHOST", "localhost"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("[::1]:9131", "::1"),
        ("studio.local.", "studio.local"),
        ("", None),
        (":9131", None),
        ("a@localhost", None),
        ("localhost/x", None),
        ("localhost:99999999", None),
        ("[::1", None),
    ],
)
def test_the_name_in_a_host_header(header: str, name: str | None) -> None:
    assert host_name(header) == name


@given(st.text(max_size=60))
def test_any_host_header_is_judged(header: str) -> None:
    refusal = judge_host(rules(), {"host": header})
    assert refusal is None or refusal.status in {400, 403}


@pytest.mark.parametrize("header", ["localhost:9131", "127.0.0.1:9131", "[::1]:9131", "localhost", "127.0.0.1:8000"])
def test_a_server_on_loopback_is_called_by_loopback_names(header: str) -> None:
    assert judge_host(rules(), {"host": header}) is None


@pytest.mark.parametrize("header", ["evil.example:9131", "192.168.1.5:9131", "127.0.0.1.evil.example", "sideman.local"])
def test_a_page_that_points_its_name_here_is_refused(header: str) -> None:
    refusal = judge_host(rules(), {"host": header})
    assert refusal is not None
    assert (refusal.status, refusal.code) == (403, "not_allowed")


def test_a_server_of_every_address_is_called_by_any_address_and_by_names_that_were_allowed() -> None:
    wide = rules("0.0.0.0", "Studio.Local")
    assert judge_host(wide, {"host": "192.168.1.5:9131"}) is None
    assert judge_host(wide, {"host": "[fe80::1]:9131"}) is None
    assert judge_host(wide, {"host": "studio.local:9131"}) is None
    assert judge_host(wide, {"host": "evil.example"}) is not None


def test_a_server_of_one_address_is_called_by_it_alone() -> None:
    one = rules("10.0.0.5")
    assert judge_host(one, {"host": "10.0.0.5:9131"}) is None
    assert judge_host(one, {"host": "10.0.0.6:9131"}) is not None


@pytest.mark.parametrize(
    ("headers", "is_refused"),
    [
        ({"host": "localhost:9131"}, False),
        ({"host": "localhost:9131", "origin": "http://localhost:9131"}, False),
        ({"host": "localhost:9131", "origin": "http://localhost:5173"}, True),
        ({"host": "localhost:9131", "origin": "http://evil.example"}, True),
        ({"host": "localhost:9131", "origin": "null"}, True),
        ({"host": "localhost:9131", "origin": "http://dev.example:5173"}, False),
        ({"host": "localhost:9131", "sec-fetch-site": "same-origin"}, False),
        ({"host": "localhost:9131", "sec-fetch-site": "none"}, False),
        ({"host": "localhost:9131", "sec-fetch-site": "cross-site"}, True),
        ({"host": "localhost:9131", "sec-fetch-site": "same-site"}, True),
        ({"host": "localhost:9131", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, True),
    ],
)
def test_pages_of_other_origins_are_refused(headers: dict[str, str], is_refused: bool) -> None:
    allowed = rules(origins=frozenset({"http://dev.example:5173"}))
    assert (judge_origin(allowed, headers, is_page=False) is not None) == is_refused


def test_a_link_may_open_the_page() -> None:
    headers = {"host": "localhost", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert judge_origin(rules(), headers, is_page=True) is None


WITH_TOKEN = Rules(hosts=frozenset(), token=TOKEN_TEXT)


@pytest.mark.parametrize(
    ("headers", "query", "cookie", "is_refused"),
    [
        ({"authorization": f"Bearer {TOKEN_TEXT}"}, None, None, False),
        ({"authorization": f"bearer  {TOKEN_TEXT}"}, None, None, False),
        ({}, TOKEN_TEXT, None, False),
        ({}, None, cookie_of(TOKEN_TEXT), False),
        ({}, None, None, True),
        ({}, None, TOKEN_TEXT, True),
        ({}, TOKEN_TEXT[:-1], None, True),
        ({"authorization": f"Basic {TOKEN_TEXT}"}, None, None, True),
        ({"authorization": "Bearer wröng"}, None, None, True),
        ({"authorization": "Bearer wrong"}, TOKEN_TEXT, cookie_of(TOKEN_TEXT), True),
        ({"authorization": "Bearer"}, None, None, True),
    ],
)
def test_the_token(headers: dict[str, str], query: str | None, cookie: str | None, is_refused: bool) -> None:
    refusal = judge_token(WITH_TOKEN, headers, query=query, cookie=cookie)
    assert (refusal is not None) == is_refused
    assert refusal is None or (refusal.status == 401 and TOKEN_TEXT not in refusal.message)


def test_who_sends_the_token_may_call_the_server_by_any_name() -> None:
    strange = {"host": "gpu.example:9131"}
    assert judge_host(WITH_TOKEN, strange | {"authorization": f"Bearer {TOKEN_TEXT}"}) is None
    assert judge_host(WITH_TOKEN, strange | {"authorization": "Bearer wrong"}) is not None
    assert judge_host(rules(), strange | {"authorization": f"Bearer {TOKEN_TEXT}"}) is not None


def test_without_a_token_nobody_has_to_show_one() -> None:
    assert judge_token(rules(), {}, query=None, cookie=None) is None


@given(st.text(), st.text())
def test_tokens_are_the_same_when_their_bytes_are(one: str, other: str) -> None:
    assert same_token(one, one)
    assert same_token(one, other) == (one.encode("utf-8", "replace") == other.encode("utf-8", "replace"))


def test_secrets_are_not_shown_by_what_is_logged() -> None:
    assert TOKEN_TEXT not in repr(WITH_TOKEN)


# Files


def test_a_token_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "token"
    token = kept_token(path)
    assert TOKEN.fullmatch(token)
    assert kept_token(path) == token == read_token(path)
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["token"]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_token_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token"
    kept_token(path)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_token(path)


@pytest.mark.parametrize(
    "content", [b"", b"short\n", b"with blanks in it and long enough\n", b"\xff" * 40, b"x" * 5000]
)
def test_a_file_that_holds_no_token_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="holds no token"):
        read_token(path)


def test_a_token_file_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match="cannot be made"):
        kept_token(tmp_path / "file" / "token")


# Who needs one


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("studio", False),
    ],
)
def test_which_hosts_are_of_this_machine(host: str, expected: bool) -> None:
    assert is_loopback(host) == expected


def test_http_beyond_this_machine_needs_a_token() -> None:
    with pytest.raises(StartError, match=r"--token-file FILE makes one"):
        required_token(HttpConfig(host="0.0.0.0"), osc_host="127.0.0.1", osc_allows_hosts=False)
    http = HttpConfig(host="0.0.0.0", token=TOKEN_TEXT)
    assert required_token(http, osc_host="127.0.0.1", osc_allows_hosts=False) == TOKEN_TEXT
    off = HttpConfig(host="0.0.0.0", enabled=False)
    assert required_token(off, osc_host="127.0.0.1", osc_allows_hosts=False) is None


def test_osc_beyond_this_machine_needs_a_token_or_names_of_hosts() -> None:
    with pytest.raises(StartError, match=r"osc\.allow_hosts"):
        required_token(HttpConfig(), osc_host="0.0.0.0", osc_allows_hosts=False)
    assert required_token(HttpConfig(), osc_host="0.0.0.0", osc_allows_hosts=True) is None


def test_settings_that_make_no_sense_are_said() -> None:
    for bad in ({"token": "short"}, {"allow_origins": ["*"]}, {"allow_origins": ["http://a/b"]}, {"port": 70000}):
        with pytest.raises(ValueError, match=r"\S"):
            Config.model_validate({"http": bad})
    origins = HttpConfig(allow_origins=frozenset({"HTTP://LocalHost:5173/"})).allow_origins
    assert origins == {"http://localhost:5173"}


def test_a_usual_port_was_not_asked_for_and_a_chosen_one_was() -> None:
    assert not HttpConfig().asked_for
    assert HttpConfig(port=9131).asked_for
    assert not HttpConfig(enabled=False, port=9131).asked_for
