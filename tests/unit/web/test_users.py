"""The file of users, and the command for it."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tapeline.cli.main import app
from tapeline.errors import InputError
from tapeline.web.users import Role, Users, matches

PASSWORD = "correct horse battery"


@pytest.fixture
def users(tmp_path: Path) -> Users:
    return Users(tmp_path / "data" / "users.json")


def test_passwords_are_kept_as_argon2id_and_only_for_the_owner(users: Users) -> None:
    users.add("ann", Role.ADMIN, PASSWORD)
    assert stat.S_IMODE(users.path.stat().st_mode) == 0o600
    text = users.path.read_text()
    assert PASSWORD not in text
    known = users.load()["ann"]
    assert known.hash.startswith("$argon2id$")
    assert matches(known.hash, PASSWORD)
    assert not matches(known.hash, PASSWORD + " ")
    assert not matches("", PASSWORD)


def test_a_change_by_another_process_is_seen(users: Users) -> None:
    assert users.load() == {}
    other = Users(users.path)
    other.add("ann", Role.VIEWER, PASSWORD)
    assert set(users.load()) == {"ann"}
    other.add("bob", Role.ADMIN, PASSWORD)
    other.remove("ann")
    assert {name: user.role for name, user in users.load().items()} == {"bob": Role.ADMIN}
    assert [path.name for path in users.path.parent.iterdir() if path.name.startswith(".users")] == []


@pytest.mark.parametrize(
    ("name", "password", "said"),
    [("", PASSWORD, "no user name"), ("a b", PASSWORD, "no user name"), ("../x", PASSWORD, "no user name"),
     ("a" * 65, PASSWORD, "no user name"), ("ann", "short", "12 to 256"), ("ann", "x" * 257, "12 to 256")],
)  # fmt: skip
def test_bad_names_and_passwords_are_refused(users: Users, name: str, password: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        users.add(name, Role.VIEWER, password)
    assert not users.path.exists()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 2, "users": {}}', '{"format": 1}', '{"format": 1, "users": {"a": {}}}',
             '{"format": 1, "users": {"a": {"role": "root", "hash": ""}}}', '{"format": 1, "users": []}',
             '{"format": 1, "users": {"a": []}}', "[" * 20_000, '{"a":' * 20_000, "null"],
    ids=lambda text: text[:40],
)  # fmt: skip
def test_a_damaged_file_is_reported_and_never_replaced(users: Users, text: str) -> None:
    users.path.parent.mkdir()
    users.path.write_text(text)
    for attempt in (users.load, lambda: users.add("ann", Role.ADMIN, PASSWORD)):
        with pytest.raises(InputError, match="cannot be read as a list of users"):
            attempt()
    assert users.path.read_text() == text


@pytest.mark.parametrize("text", ["", "x", "$argon2id$", "$argon2id$v=19$m=65536,t=3,p=4$x$y", "é", "\ud800", "\0"])
def test_a_text_that_is_no_hash_matches_no_password(text: str) -> None:
    assert not matches(text, PASSWORD)


def test_the_command_adds_lists_and_removes(tmp_path: Path) -> None:
    def call(*words: str, typed: str | None = None) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["users", *words, "--data-dir", str(tmp_path)], input=typed)
        return done.exit_code, done.stdout

    assert call("list", "--json") == (0, "[]\n")
    assert call("add", "ann", "--role", "admin", typed=PASSWORD + "\n")[0] == 0
    assert call("add", "vic", typed=PASSWORD + "\n")[0] == 0
    assert json.loads(call("list", "--json")[1]) == [
        {"name": "ann", "role": "admin"}, {"name": "vic", "role": "viewer"}
    ]  # fmt: skip
    assert matches(Users(tmp_path / "users.json").load()["ann"].hash, PASSWORD), "the line's end is not part of it"
    assert call("remove", "ann")[0] == 0
    assert call("remove", "ann")[0] == 1
    assert call("add", "eve", typed="short\n")[0] == 1
    assert call("add", "eve", "--role", "root", typed=PASSWORD)[0] == 2
    assert call("list")[1].split() == ["name", "role", "vic", "viewer"]
