"""Check what starts tapeline on one machine, and what stands in front of it: systemd, launchd, Caddy."""

from __future__ import annotations

import configparser
import plistlib
import re
import shutil
import sys
from pathlib import Path

import pytest

from tapeline.app import config
from tests.machine.running import FOLDER, run


def test_the_unit_confines_what_it_starts() -> None:
    unit = configparser.RawConfigParser(strict=False, delimiters="=")
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(FOLDER / "tapeline.service")
    service = unit["Service"]
    wanted = {"DynamicUser": "yes", "StateDirectory": "tapeline", "ProtectSystem": "strict", "NoNewPrivileges": "yes"}
    assert {name: service[name] for name in wanted} == wanted
    assert service["CapabilityBoundingSet"] == ""


#: The values that systemd takes, by the directives that have them (systemd.unit, systemd.exec, systemd.service).
DIRECTIVES = {
    "Unit": {r".+": "Description", r"https://\S+": "Documentation", r"[\w-]+\.target": "Wants After"},
    "Service": {
        r"yes|no": "DynamicUser LockPersonality NoNewPrivileges PrivateDevices PrivateTmp PrivateUsers ProtectClock "
        "ProtectControlGroups ProtectHome ProtectHostname ProtectKernelLogs ProtectKernelModules "
        "ProtectKernelTunables RemoveIPC RestrictNamespaces RestrictRealtime RestrictSUIDSGID",
        r"exec": "Type",
        r"/[\w/]+ run": "ExecStart",
        r"/[\w/]+": "WorkingDirectory",
        r"-/[\w/]+": "EnvironmentFile",
        r"\w+=\S+( \w+=\S+)*": "Environment",
        r"\w+": "ConfigurationDirectory StateDirectory CacheDirectory",
        r"0[0-7]{3}": "StateDirectoryMode CacheDirectoryMode UMask",
        r"\d+": "TimeoutStopSec RestartSec LimitNOFILE",
        r"\d+[KMGT]": "MemoryMax",
        r"SIG[A-Z]+": "KillSignal",
        r"on-failure": "Restart",
        r"strict": "ProtectSystem",
        r"invisible": "ProtectProc",
        r"pid": "ProcSubset",
        r"": "CapabilityBoundingSet AmbientCapabilities",
        r"AF_\w+( AF_\w+)*": "RestrictAddressFamilies",
        r"native": "SystemCallArchitectures",
        r"~?@[\w-]+( @[\w-]+)*": "SystemCallFilter",
        r"E[A-Z]+": "SystemCallErrorNumber",
    },
    "Install": {r"[\w-]+\.target": "WantedBy"},
}


def faults_of_unit(text: str) -> list[str]:
    """Return the lines that systemd would not know, or read as something else."""
    section, found = "", []
    for line in filter(None, text.splitlines()):
        name, is_setting, value = line.partition("=")
        if heading := re.fullmatch(r"\[(\w+)\]", line):
            section = heading[1]
        elif not line.startswith("#"):
            known = [kind for kind, names in DIRECTIVES.get(section, {}).items() if name in names.split()]
            if not (is_setting and known and re.fullmatch(known[0], value)):
                found.append(line)
    return found


def test_every_line_of_the_unit_is_a_setting_of_its_section_with_a_value_of_its_kind() -> None:
    text = (FOLDER / "tapeline.service").read_text()
    assert faults_of_unit(text) == []
    assert faults_of_unit(text.replace("UMask=0077", "UMask=rwx\nPrivateTemp=yes")) == ["UMask=rwx", "PrivateTemp=yes"]
    assert faults_of_unit(text.replace("[Service]", "[Servant]"))


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze here: the unit's lines are checked "
                    "against what this file knows of systemd, but not how exposed the service is")  # fmt: skip
def test_systemd_finds_the_unit_sound_and_little_exposed(tmp_path: Path) -> None:
    unit = tmp_path / "tapeline.service"
    unit.write_text((FOLDER / "tapeline.service").read_text().replace("/opt/tapeline/bin/tapeline", sys.executable))
    assert run("systemd-analyze", "verify", unit) == ""
    said = run("systemd-analyze", "security", "--offline=true", unit)
    (exposure,) = re.findall(r"exposure level for tapeline.service: (\S+)", said)
    assert float(exposure) < 2.0


def test_launchd_is_told_to_start_it_again_when_it_fails() -> None:
    found = plistlib.loads((FOLDER / "local.tapeline.plist").read_bytes())
    assert found["ProgramArguments"][1:] == ["run"]
    assert found["KeepAlive"] == {"SuccessfulExit": False}
    assert found["Umask"] == 0o077


def directives_of_caddy(text: str) -> dict[str, tuple[str, str]]:
    """Return by the name of each directive of the one site what is in front of it, and its arguments."""
    found: dict[str, tuple[str, str]] = {}
    opened: list[str] = []
    for line in (line.partition("#")[0].strip() for line in text.splitlines()):
        name, _, arguments = line.removesuffix("{").strip().partition(" ")
        if line == "}":
            opened.pop()
        elif line:
            assert name not in found, f"{name} twice"
            found[name] = (opened[-1] if opened else "", arguments)
        if line.endswith("{"):
            opened.append(name)
    assert opened == [], f"{opened} not closed"
    return found


def test_the_caddyfile_is_closed_and_leads_to_the_page() -> None:
    site = "{$TAPELINE_NAME:localhost}"
    text = (FOLDER / "Caddyfile").read_text()
    assert directives_of_caddy(text) == {
        site: ("", ""), "encode": (site, "zstd gzip"), "request_body": (site, ""),
        "max_size": ("request_body", "1MB"), "flush_interval": ("reverse_proxy", "-1"), "log": (site, ""),
        "reverse_proxy": (site, f"127.0.0.1:{config.load().page.port}"),
    }  # fmt: skip
    with pytest.raises(AssertionError, match="not closed"):
        directives_of_caddy(text.rstrip().removesuffix("}"))


@pytest.mark.skipif(not shutil.which("caddy"), reason="no caddy here: blocks and directives of its file are checked, "
                    "but not what caddy makes of them")  # fmt: skip
def test_caddy_takes_its_file() -> None:
    run("caddy", "validate", "--adapter", "caddyfile", "--config", FOLDER / "Caddyfile")
