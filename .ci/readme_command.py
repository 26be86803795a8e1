"""Print one of the README's commands: the code block after ``<!-- command: NAME -->``."""

import re
import sys
from pathlib import Path


def command(readme: str, name: str) -> str:
    """The command marked ``name``; raises ``SystemExit`` when the README has none."""
    found = re.search(rf"<!-- command: {re.escape(name)} -->\s*```\w*\n(.*?)```", readme, re.DOTALL)
    if found is None:
        raise SystemExit(f"The README marks no command {name}.")
    return found[1]


if __name__ == "__main__":
    print(command((Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8"), sys.argv[1]))
