# ruff: noqa: T201 - the command line prints
"""``scripts/lab``: the lab for people."""

import argparse
import logging
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.lab import accel, control, rundir
from tests.lab.cache import cache_root
from tests.lab.deps import deps_key, ensure_deps
from tests.lab.emulator import emulator
from tests.lab.host import LabError, ensure_packages, missing_packages
from tests.lab.image import RELEASES, ensure_image, find_image, image_key, root_key
from tests.lab.lab import Lab
from tests.lab.saved import ensure_saved, saved_key
from tests.lab.shape import Shape
from tests.lab.software import install_zfspull
from tests.lab.um_kernel import kernel_key


EXAMPLES = """\
examples:
  scripts/lab build                      make the base image now (12 minutes, once)
  scripts/lab run zfs version            in a fresh machine, thrown away afterwards
  scripts/lab boot                       source and backup, until Ctrl-C
  scripts/lab boot --detach              the same, in the background, until `scripts/lab stop`
  scripts/lab shell backup               a root shell on a machine that runs
  scripts/lab run --in source zpool list
  scripts/lab put report.sh source:/root/report.sh
  scripts/lab cut source                 pull the cable; `restore` puts it back
  scripts/lab power-cut backup           pull the plug; `start` boots it again
"""
ON_MACHINE = {
    "cut": "cut a machine's private link: a black hole",
    "restore": "mend it",
    "shape": "make what a machine sends slow or lossy, e.g. 'rate 20mbit delay 50ms'; nothing ends it",
    "power-cut": "pull a machine's plug",
    "start": "power it on again, with its disks, and wait until it is ready",
    "wait": "wait until it is ready",
    "shutdown": "shut it down",
    "forward": "make a port of a machine's loopback reachable on this host",
    "install": "install this checkout's zfspull on it",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    logging.basicConfig(level=logging.INFO, format="lab: %(message)s", stream=sys.stderr)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that `with Lab()` cleans up
    options = _parser().parse_args(arguments)
    try:
        return int(options.do(options) or 0)
    except LabError as error:
        print(f"scripts/lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/lab", description="Throw-away virtual machines with real OpenZFS, on any Debian or Ubuntu.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, does: str, do: object) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=does, description=f"{does[0].upper()}{does[1:]}.")
        command.set_defaults(do=do)
        return command

    build = add("build", "make the base image and all else that is cached", _build)
    build.add_argument("--release", choices=RELEASES, default="trixie", help="Debian release (default: trixie)")
    build.add_argument("--fresh", action="store_true", help="also when it exists, to take in Debian's updates")
    boot = add("boot", "boot machines and keep them until Ctrl-C", _boot)
    boot.add_argument("names", nargs="*", default=["source", "backup"], metavar="NAME[:RELEASE]",
                      help="machines, e.g. old:bookworm (default: source backup)")  # fmt: skip
    boot.add_argument("--detach", action="store_true", help="return when they are ready; `scripts/lab stop` ends them")
    run = add("run", "run a command in a fresh machine, or in one that runs", _run)
    run.add_argument("--in", dest="machine", help="a machine that runs (default: a fresh one, thrown away afterwards)")
    run.add_argument("--release", choices=RELEASES, default="trixie", help="of the fresh machine")
    run.add_argument("--zfspull", action="store_true", help="install this checkout's zfspull in the fresh machine")
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND", help="with its arguments")
    shell = add("shell", "open a root shell on a machine that runs", _shell)
    shell.add_argument("machine")
    for name, does in {"put": "copy a file or directory to MACHINE:PATH", "get": "copy MACHINE:PATH here"}.items():
        copy = add(name, does, _copy)
        copy.add_argument("source")
        copy.add_argument("destination")
    console = add("console", "print what a machine said on its serial console", _console)
    console.add_argument("machine")
    for name, does in ON_MACHINE.items():
        action = add(name, does, _ask)
        action.add_argument("machine")
        action.set_defaults(action=name, argument="")
        if name in {"shape", "forward"}:
            action.add_argument("argument", nargs="?" if name == "shape" else None, default="",
                                metavar="NETEM" if name == "shape" else "PORT")  # fmt: skip
    add("stop", "end the lab of `boot --detach`", _stop)
    add("status", "show the host, the cache and the labs that run", _status)
    collect = add("gc", "remove what dead labs left and what this checkout no longer uses", _collect)
    collect.add_argument("--all", action="store_true", help="remove the whole cache")
    return parser


def _build(options: argparse.Namespace) -> None:
    ensure_packages()
    if options.fresh:
        shutil.rmtree(cache_root() / "um" / kernel_key(options.release), ignore_errors=True)
        for user_mode in (True, False):
            for kind, key in (("roots", root_key), ("images", image_key)):
                shutil.rmtree(cache_root() / kind / key(options.release, user_mode=user_mode), ignore_errors=True)
    image = ensure_image(options.release)
    ensure_saved(Shape.of(image))
    if options.release == "trixie":
        ensure_deps(image)
    print(image.directory)


def _boot(options: argparse.Namespace) -> None:
    if options.detach:
        _boot_detached(options.names)
        return
    with Lab(link_ends=max(2, len(options.names))) as lab:
        for name in options.names:
            host_name, _, release = name.partition(":")
            lab.machine(host_name, release=release or "trixie")
        lab.boot()
        for machine in lab.machines.values():
            print(f"{machine.name}: {machine.address} on the link; ssh -F {machine.ssh_config} {machine.name}")
        print("ready; Ctrl-C or `scripts/lab stop` ends them", flush=True)
        control.serve(lab)


def _boot_detached(names: list[str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.lab", "boot", *names], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as owner:  # fmt: skip
        assert owner.stdout is not None
        for line in owner.stdout:
            if line.startswith("ready"):
                print("ready; `scripts/lab stop` ends them", flush=True)
                os._exit(0)  # without waiting for the owner, which is the point
            print(line, end="")
    raise LabError("the machines did not boot")


def _run(options: argparse.Namespace) -> int:
    if not options.command:
        raise LabError("run what? e.g. scripts/lab run zfs version")
    if options.machine:
        ssh = ["ssh", "-F", str(_directory_of(options.machine) / f"{options.machine}.ssh"), "-T", options.machine]
        return subprocess.run([*ssh, _line(options.command)], check=False).returncode
    with Lab() as lab:
        machine = lab.machine("machine", release=options.release)
        lab.boot()
        if options.zfspull:
            install_zfspull(machine)
        return subprocess.run([*machine.ssh_command, _line(options.command)], check=False).returncode


def _line(command: list[str]) -> str:
    """One argument is a line for the shell, several are an argument vector."""
    return command[0] if len(command) == 1 else shlex.join(command)


def _shell(options: argparse.Namespace) -> int:
    config = _directory_of(options.machine) / f"{options.machine}.ssh"
    return subprocess.run(["ssh", "-F", config, "-t", options.machine], check=False).returncode


def _copy(options: argparse.Namespace) -> int:
    ends = [options.source, options.destination]
    names = {end.split(":")[0] for end in ends if ":" in end}
    if len(names) != 1:
        raise LabError("one of the two is MACHINE:PATH, the other a path of this host")
    name = names.pop()
    return subprocess.run(["scp", "-q", "-r", "-F", _directory_of(name) / f"{name}.ssh", *ends], check=False).returncode


def _console(options: argparse.Namespace) -> None:
    print((_directory_of(options.machine) / f"{options.machine}.console").read_text(errors="replace"))


def _ask(options: argparse.Namespace) -> None:
    print(control.ask(_directory_of(options.machine), options.action, options.machine, options.argument))


def _stop(_: argparse.Namespace) -> None:
    owned = [directory for directory in rundir.running() if (directory / control.SOCKET_NAME).exists()]
    if not owned:
        raise LabError("no lab of `scripts/lab boot` runs")
    for directory in owned:
        print(f"{directory}: {control.ask(directory, control.STOP)}")


def _directory_of(machine: str) -> Path:
    """The running lab that has the machine; one of ``scripts/lab boot`` rather than that of a test run."""
    found = [directory for directory in rundir.running() if (directory / f"{machine}.ssh").exists()]
    found = [directory for directory in found if (directory / control.SOCKET_NAME).exists()] or found
    if len(found) != 1:
        known = sorted({path.stem for directory in rundir.running() for path in directory.glob("*.ssh")})
        many = f"several labs have a machine {machine}" if found else f"no running lab has a machine {machine}"
        raise LabError(f"{many}; running: {', '.join(known) or 'none (scripts/lab boot starts some)'}")
    return found[0]


def _status(_: argparse.Namespace) -> None:
    missing = missing_packages()
    print(f"host packages: {'missing ' + ' '.join(missing) if missing else 'complete, QEMU ' + str(emulator())}")
    print(f"KVM works: {accel.known_answer()}")
    for release in RELEASES:
        image = find_image(release)
        print(f"image {release}: {f'{image.directory}, {accel.choose(image).name}' if image else 'not built'}")
    for kind in ("um", "roots", "images", "saved", "deps"):
        used = subprocess.run(["du", "-sh", cache_root() / kind], capture_output=True, text=True, check=False).stdout
        print(f"cache {kind}: {used.split()[0] if used else 'empty'}")
    for directory in rundir.running():
        owner = (directory / rundir.LOCK_NAME).read_text().strip()
        machines = sorted(path.stem for path in directory.glob("*.pid"))
        print(f"lab {directory} of process {owner}: {', '.join(machines) or 'no machine on'}")


def _collect(options: argparse.Namespace) -> None:
    for path in rundir.sweep():
        print(f"removed {path}")
    if rundir.running():
        raise LabError("a lab runs: what it uses in the cache stays; stop it, then collect again")
    kinds = [(release, user_mode) for release in RELEASES for user_mode in (True, False)]
    used = {
        "um": {kernel_key(release) for release in RELEASES},
        "roots": {root_key(release, user_mode=user_mode) for release, user_mode in kinds},
        "images": {image_key(release, user_mode=user_mode) for release, user_mode in kinds},
        "deps": {deps_key(image) for release in RELEASES if (image := find_image(release))},
        "saved": {saved_key(Shape.of(image)) for release in RELEASES if (image := find_image(release))},
    }
    for kind, keys in used.items():
        for path in sorted((cache_root() / kind).glob("[!.]*")):
            if options.all or path.name not in keys:
                shutil.rmtree(path)
                print(f"removed {path}")
