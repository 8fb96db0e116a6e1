"""The command behind scripts/build."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from zfspull_dist.checkout import ROOT, source_date_epoch
from zfspull_dist.completions import bash, fish, zsh
from zfspull_dist.deb import build_deb
from zfspull_dist.manpages import configuration_page, program_page
from zfspull_dist.python import build_sdist, build_wheel


def main(argv: list[str] | None = None) -> int:
    """Build what is asked for and print the paths."""
    parser = argparse.ArgumentParser(
        prog="scripts/build",
        description="Build what zfspull is installed from. The same checkout makes the same bytes.",
        epilog="What is built bears the date $SOURCE_DATE_EPOCH, else that of the last commit.",
    )
    parser.add_argument(
        "what", nargs="*", metavar="WHAT", help=f"{', '.join(_BUILDERS)} (default: wheel, sdist and deb)"
    )
    parser.add_argument("--into", metavar="DIRECTORY", type=Path, default=ROOT / "dist", help="default: dist")
    parser.add_argument(
        "--revision", metavar="N", type=int, default=1, help="of the Debian package: 2, 3 ... for the same zfspull"
    )
    options = parser.parse_args(argv)
    unknown = [what for what in options.what if what not in _BUILDERS]
    if unknown:
        parser.error(f"no such thing to build: {', '.join(unknown)}; there are {', '.join(_BUILDERS)}")
    epoch = source_date_epoch()
    for what in options.what or ("wheel", "sdist", "deb"):
        for path in _BUILDERS[what](options.into, epoch, options.revision):
            print(path)
    return 0


def _docs(into: Path, epoch: int, _: int) -> list[Path]:
    """Man pages and completions by themselves, for packages of other systems."""
    into.mkdir(parents=True, exist_ok=True)
    made = {
        "zfspull.8": program_page(epoch),
        "zfspull.yaml.5": configuration_page(epoch),
        "zfspull.bash": bash(),
        "_zfspull": zsh(),
        "zfspull.fish": fish(),
    }
    for name, text in made.items():
        (into / name).write_text(text)
    return [into / name for name in made]


_BUILDERS: dict[str, Callable[[Path, int, int], list[Path]]] = {
    "wheel": lambda into, epoch, _: [build_wheel(into, epoch)],
    "sdist": lambda into, epoch, _: [build_sdist(into, epoch)],
    "deb": lambda into, epoch, revision: [build_deb(into, epoch, revision=revision)],
    "docs": _docs,
}

if __name__ == "__main__":
    sys.exit(main())
