"""Print what the documentation consists of, and how each part is checked: `python -m tests.documentation.figures`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.documentation.code_blocks import PAGES, Proof, code_blocks
from tests.documentation.site import ROOT, build, links_elsewhere, links_within


def main() -> None:
    """Build the site into a folder that is deleted again, and print the figures; exit 1 where a link is broken."""
    with tempfile.TemporaryDirectory() as folder:
        site = build(Path(folder).resolve())
        within = list(links_within(site))
        elsewhere = links_elsewhere(site)
    broken = [f"{path.name}: {link}" for path, link, leads in within if not leads]
    broken += [link for link, is_address in elsewhere.items() if not is_address]
    anchors = sum("#" in link for _, link, _ in within)
    print(f"{len(site):6,} pages of the site, built strictly")
    print(f"{len(within):6,} links within it, {anchors:,} of them to a heading")
    print(f"{len(elsewhere):6,} addresses elsewhere, of which the form alone is checked")
    print(f"{len(broken):6,} broken links")
    blocks = Counter(block.proof for page in PAGES for block in code_blocks(page))
    print(f"{blocks.total():6,} code blocks in guides and tutorials")
    for proof in Proof:
        print(f"{blocks[proof]:8,} {proof}")
    spelling = subprocess.run(
        [sys.executable, "-m", "codespell_lib", "README.md", "docs"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    print(f"{len(spelling.stdout.splitlines()):6,} misspelt words (codespell)")
    print(*broken, *spelling.stdout.splitlines(), sep="\n")
    sys.exit(bool(broken or spelling.stdout))


if __name__ == "__main__":
    main()
