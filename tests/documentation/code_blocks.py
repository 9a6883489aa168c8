"""Find the code blocks of the documentation, and tell for each how a test proves it.

`python -m tests.documentation.figures` counts them.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: Every page with code: the home page of the site, guides and tutorials.
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "tutorials").glob("*.md")))

#: Worked changes of the package, which tests/unit/test_extending.py applies to a copy of the repository and runs.
CHANGING = {"extending.md", "your_own_feed.md", "your_own_indicator.md"}

#: What a script prints, by the beginning of the block: the test that compares it.
PRINTED = {
    "        9.01  Collector": "tests/terraform/test_costs.py",
}

#: Lines that do not end, ask somebody else or need minutes, by how they begin: the test of each, and a text in it.
ELSEWHERE = {
    "make aws-local": ("tests/aws/test_local.py", "exercised"),
    "make demo": ("tests/browser/test_demo.py", '"demo"'),
    "make deploy": ("tests/terraform/test_steps.py", "test_the_steps_in_their_order"),
    "python -m tests.false_alarms": ("tests/unit/research/test_audit.py", "false_alarms"),
    "python -m tests.no_skill": ("tests/unit/forecast/test_estimates.py", "no_skill"),
    "python -m tests.promotions": ("tests/unit/research/test_gate.py", "promotions"),
    "python3 deploy/steps.py set ": ("tests/terraform/test_steps.py", "test_set_takes_json_text_and_nothing"),
    "tapeline backfill ": ("tests/e2e/test_backfill.py", '"backfill"'),
    "tapeline collect ": ("tests/unit/app/test_collecting_alone.py", '"collect"'),
    "tapeline collector": ("tests/aws/test_collector.py", '"collector"'),
    "tapeline dashboard": ("tests/aws/test_local.py", "Local("),
    "tapeline demo": ("tests/browser/test_demo.py", '"demo"'),
    "tapeline deploy-model ": ("tests/aws/test_deploy_model.py", "only_upload"),
    "tapeline evaluate ": ("tests/unit/cli/test_training_commands.py", '"evaluate"'),
    "tapeline models ": ("tests/unit/cli/test_training_commands.py", '"models"'),
    "tapeline export (?!.*--out)": ("tests/aws/test_cloud_commands.py", '"export"'),
    "tapeline import ": ("tests/aws/test_cloud_commands.py", '"import"'),
    "tapeline (backup|restore) .*--data-dir FOLDER": ("tests/e2e/test_backup.py", '"--overwrite"'),
    "tapeline process ": ("tests/unit/app/test_page_wiring.py", '"process"'),
    "tapeline replay .*--speed ": ("tests/unit/feeds/files/test_pace.py", "PacedSource("),
    "tapeline run ": ("tests/e2e/test_run.py", '"run"'),
    "tapeline symbols add ": ("tests/unit/feeds/yahoo/test_symbol_search.py", '"symbols", "add"'),
    "tapeline train ": ("tests/unit/cli/test_training_commands.py", '"train"'),
    "tapeline upload ": ("tests/aws/test_cloud_commands.py", '"upload"'),
}

#: Programs of others, which change a machine, an account or a repository's environment.
FOREIGN = (
    "aws ", "cd ", "cp ", "docker ", "export ", "launchctl ", "npm ", "pip ", "sudo ", "terraform ", "uv ", "uvx ",
    "PATH=",
)  # fmt: skip

#: Runs of minutes or hours, which a test cannot be: their parts have tests of their own.
LONG = ("make terraform-apply", "make test", "make try-image", "python benchmarks/")


class Proof(enum.StrEnum):
    """Say how a block is proved."""

    RUN = "run, line by line"
    APPLIED = "applied to a copy of the repository, and run there"
    PRINTED = "compared with what the program prints"
    UNPROVEN = "with commands of other programs, or long runs, which no test runs"
    SHOWN = "no code: output, grammar, settings, data, a drawing"


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """Hold a block of a page: its language, empty where none is named, and its text."""

    page: Path
    language: str
    text: str

    @property
    def lines(self) -> list[str]:
        """The commands in it, each on a line, without comments; empty where it is no commands.

        Where the first has the prompt `$`, what follows is its output.
        """
        if self.language not in {"", "bash", "sh"}:
            return []
        if self.text.startswith("$ "):
            return [self.text.partition("\n")[0].removeprefix("$ ")]
        joined = self.text.replace("\\\n", " ").splitlines()
        found = [re.sub(r"(^|\s)#.*", "", line).strip() for line in joined]
        found = [line for line in found if line]
        return found if found and _is_command(found[0]) else []

    @property
    def proof(self) -> Proof:
        """How a test proves it."""
        if self.page.name in CHANGING:
            return Proof.APPLIED
        if self.text.startswith(tuple(PRINTED)):
            return Proof.PRINTED
        if self.language == "python":
            return Proof.RUN
        if not self.lines:
            return Proof.SHOWN
        return Proof.UNPROVEN if any(line.startswith((*FOREIGN, *LONG)) for line in self.lines) else Proof.RUN


def code_blocks(page: Path) -> Iterator[CodeBlock]:
    """Yield the code blocks of a page, in their order."""
    for language, text in re.findall(r"^ *```(\w*)[^\n]*\n(.*?)^ *```", page.read_text(), re.MULTILINE | re.DOTALL):
        yield CodeBlock(page, language, text)


def proof_elsewhere(line: str) -> tuple[str, str] | None:
    """Return the test of a line that does not end or needs minutes, and a text in it; None for others."""
    words = re.sub(r"^([A-Z_]+=\S+ )+", "", f"{line} ")  # without variables of the environment
    return next((test for beginning, test in ELSEWHERE.items() if re.match(beginning, words)), None)


def _is_command(line: str) -> bool:
    words = re.sub(r"^([A-Z_]+=\S+ )+", "", line)
    return words.startswith(("tapeline ", "make ", "python -m ", "python3 ", *LONG, *FOREIGN))
