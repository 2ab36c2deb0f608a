"""Credentials in texts: what is struck out, and what is left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.archive.attempt import AttemptError
from survey_batch.core.errors import ConfigurationError, ReaderError
from survey_batch.core.redaction import HIDDEN, check_address, redacted, redacted_values, secret_in, without_query

MARKER = "mArKer-4711"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("get https://user:{}@host:8080/a?x=1 now", "get https://***@host:8080/a?x=1 now"),
        ("s3://key:{}/more@bucket/x", "s3://***@bucket/x"),
        ("https://{}@host/x", "https://***@host/x"),
        ("simplecache::ftp://u:p@{}@host/x", "simplecache::ftp://***@host/x"),
        ("https://h/a?token={}&ra=1", "https://h/a?token=***&ra=1"),
        ("https://h/a?X-Amz-Signature={}&x=2", "https://h/a?X-Amz-Signature=***&x=2"),
        ("https://h/a?ra=1&amp;key={}", "https://h/a?ra=1&amp;key=***"),
        ("https://h/a?sig%3D{}", "https://h/a?sig%3D***"),
        ("https://h/a#access_token={}", "https://h/a#access_token=***"),
        ("export AWS_SECRET_ACCESS_KEY={}; run", "export AWS_SECRET_ACCESS_KEY=***; run"),
        ("{{'secret': '{}', 'anon': False}}", "{'secret': '***', 'anon': False}"),
        ('api_key = "{} and more"', 'api_key = "***"'),
        ("Authorization: Basic {}", "Authorization: Basic ***"),
        ("<'Authorization': 'Bearer {}'>", "<'Authorization': '***'>"),
        ("Authorization: Token {}", "Authorization: Token ***"),
        ("get https://user:it's{}@host/x", "get https://***@host/x"),
        (
            "https://login/?next=https%3A%2F%2Fhost%2Fx%3Ftoken%3D{}",
            "https://login/?next=https%3A%2F%2Fhost%2Fx%3Ftoken%3D***",
        ),
        (r'{{"password": "a \"{}"}}', '{"password": "***"}'),
        ("export SSH_PRIVATE_KEY={}", "export SSH_PRIVATE_KEY=***"),
        ("fetch --my-token {} --all", "fetch --my-token *** --all"),
        ("the server says: wrong password: {}", "the server says: wrong password: ***"),
        ("login of ada (password: {}), host b", "login of ada (password: ***), host b"),
        ("bad token: {} is not known", "bad token: *** is not known"),
        ("api_key = {}", "api_key = ***"),
        ("the access key: {}, in words", "the access key: ***, in words"),
    ],
)
def test_credentials_are_found_and_struck_out_and_nothing_else_is(text, left):
    full = text.format(MARKER)
    assert redacted(full) == left
    assert secret_in(full)
    assert MARKER not in secret_in(full)
    assert redacted(left) == left


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8787/status (from elsewhere, first: ssh -L 1:127.0.0.1:1 me@host)",
        "https://host:8080/a/@b and tls://10.0.0.1:1, tcp://a:2",
        "ssh://me@host/x",
        "https://[2001:db8::1]:8443/a@b and https://[::1]/a:b@c",
        "band_pass = 'r', low_pass='x'",
        "set --token, --password, or -x",
        "https://host/ImgCutout?ra=1.5&dec=-3&scale=0.2",
        "export TOKEN=$(cat ~/.token)",
        "TOKENIZERS_PARALLELISM=false",
        "AWS_SHARED_CREDENTIALS_FILE=/home/ada/.aws/credentials",
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a token: see the page",
        "flux = 3e-17; keys = 'a', sky = b",
        "token: 3 tokens, and invalid password: must have 8 characters",
        "bad token: eof; unexpected token: comma",
        "credentials: see https://host/page; token: https://host/token or /home/ada/token",
        "def login(token: str, password: bytes)",
        "missing secret: none; password: required",
        "bad signature: mismatch, cookie: old",
        "password:\nTraceback",
    ],
)
def test_what_is_no_secret_is_left_alone(text):
    assert redacted(text) == text
    assert secret_in(text) is None


def test_what_the_environment_keeps_secret_is_struck_out_of_any_text(monkeypatch):
    monkeypatch.setenv("FSSPEC_S3_SECRET", MARKER)
    monkeypatch.setenv("MY_TOKEN", "short")
    monkeypatch.setenv("PWD", "/home/ada/my-run")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/home/ada/key.json")
    said = "the server says {} is wrong, in short; see /home/ada/my-run/log and /home/ada/key.json"
    assert redacted(said.format(MARKER)) == said.format(HIDDEN)


def test_an_environment_that_changes_is_looked_through_again(monkeypatch):
    for secret in ("first-of-two-words", "second-of-two-words"):
        monkeypatch.setenv("SOME_PASSWORD", secret)
        assert redacted("the first-of-two-words, second-of-two-words").count(HIDDEN) == 1
        assert secret not in redacted(f"said {secret}")
    monkeypatch.delenv("SOME_PASSWORD")
    assert redacted("the second-of-two-words") == "the second-of-two-words"


def test_a_secret_of_the_environment_is_known_however_it_begins_and_is_written(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", f"/a+b{MARKER}")
    monkeypatch.setenv("AZURE_STORAGE_KEY", MARKER)
    monkeypatch.setenv("SORT_KEY", "plain_word")
    monkeypatch.setenv("DB_PASS", f"{MARKER}-and-more")
    said = "plain_word {0}/a+b{2} {1}%2Fa%2Bb{2} {2}-and-more {2}"
    assert redacted(said.format("1:", "2:", MARKER)) == "plain_word 1:*** 2:*** *** ***"


def test_a_secret_may_be_a_number_a_list_or_a_name():
    value = {"password": 47114711, "token": [MARKER], f"https://u:{MARKER}@h": True, "secret": True}
    assert redacted_values(value) == {"password": HIDDEN, "token": HIDDEN, "https://***@h": True, "secret": True}
    assert all(secret_in({name: value[name]}) for name in value if name != "secret")
    assert secret_in(value | dict.fromkeys(list(value)[:3])) == "a user name or password"
    assert secret_in({"secret": True, "token": []}) is None


def test_an_address_is_refused_whose_password_has_a_blank():
    assert secret_in(f"https://user:{MARKER} more@host/x") == "a user name or password"


def test_what_is_said_of_a_netrc_file_shows_no_part_of_a_password():
    assert redacted(f"bad follower token '{MARKER}' (.netrc, line 2)") == "bad follower token '***' (.netrc, line 2)"


def test_nested_values_are_searched_by_name_and_by_text():
    value = {"storage": [{"secret": MARKER, "anon": True}], "url": f"https://u:{MARKER}@h/", "tokens": 3}
    assert redacted_values(value) == {
        "storage": [{"secret": HIDDEN, "anon": True}],
        "url": "https://***@h/",
        "tokens": 3,
    }
    assert secret_in({"storage": value["storage"]}) == "a value of 'secret'"
    assert secret_in({"secret": "$FROM_ELSEWHERE", "token": ""}) is None


@given(st.text())
def test_text_without_addresses_and_settings_stays_as_it_is(text):
    if not {"=", ":"} & set(text):
        assert redacted(text) == text
    assert redacted(redacted(text)) == redacted(text)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("password: abc", "password: ***"),
        ("Secret: open-sesame, and more", "Secret: ***, and more"),
        ("{token: abc}\nnext", "{token: ***}\nnext"),
    ],
)
def test_a_plain_word_is_a_secret_if_it_ends_the_clause_after_the_name_of_one(text, left):
    assert redacted(text) == left
    assert secret_in(text)


@pytest.mark.parametrize("address", ["https://host/a.csv?download=1", "https://host/a#b", "s3://bucket/a?versionId=1"])
def test_an_address_with_a_query_is_refused_and_not_shown(address):
    with pytest.raises(ValueError, match="may hold a token"):
        check_address(address)
    assert without_query(f"archive.root={address}").endswith(HIDDEN)


@pytest.mark.parametrize("path", ["https://host/a.csv", "runs/what?#1", "s3://bucket/a"])
def test_an_address_without_a_query_and_any_path_are_taken(path):
    assert check_address(path) == path
    assert without_query(path) == path


def test_no_error_of_ours_shows_credentials():
    url = f"https://user:{MARKER}@host/"
    error = ReaderError(f"cannot read {url}", f"Traceback: {url}")
    assert MARKER not in repr(error) + str(error) + error.traceback
    assert str(ConfigurationError(url)) == str(AttemptError(url)) == "https://***@host/"
