"""A socket in the lab's run directory, over which ``scripts/lab`` moves the machines of a lab that another process owns.

Machines are children of their lab's process and die with it, so only that process can start one or hold its plug.
"""

import json
import socket
from collections.abc import Callable
from pathlib import Path

from tests.lab.host import LabError
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.software import install_zfspull


SOCKET_NAME = "control"
STOP = "stop"

# What a request may ask of one machine, and what the person who asked is told when it is done.
ACTIONS: dict[str, tuple[Callable[[Machine, str], object], str]] = {
    "cut": (lambda machine, _: machine.cut_link(), "the link of {name} is cut"),
    "restore": (lambda machine, _: machine.restore_link(), "the link of {name} carries again"),
    "shape": (lambda machine, netem: machine.shape_link(netem or None), "{name} sends with netem: {argument}"),
    "power-cut": (lambda machine, _: machine.power_cut(), "{name} is without power"),
    "start": (lambda machine, _: machine.start(), "{name} is ready"),
    "wait": (lambda machine, _: machine.wait_ready(), "{name} is ready"),
    "shutdown": (lambda machine, _: machine.shutdown(), "{name} is off"),
    "forward": (lambda machine, port: machine.forward(int(port)), "127.0.0.1:{result} leads to {name}'s {argument}"),
    "install": (lambda machine, _: install_zfspull(machine), "{name} has this checkout's zfspull"),
}


def serve(lab: Lab) -> None:
    """Do what is asked until someone asks to stop."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(lab.directory / SOCKET_NAME))
        listener.listen()
        while True:
            connection, _ = listener.accept()
            with connection, connection.makefile("rw", encoding="utf-8") as stream:
                try:
                    request = json.loads(stream.readline())
                    if request["action"] == STOP:
                        stream.write(json.dumps({"said": "stopped"}) + "\n")
                        return
                    answer = {"said": _act(lab, **request)}
                except (LabError, ValueError, KeyError, OSError) as error:
                    answer = {"error": f"{error}"}
                stream.write(json.dumps(answer) + "\n")


def ask(directory: Path, action: str, machine: str = "", argument: str = "") -> str:
    """Ask the owner of the lab in ``directory`` for an action, and return what it says when that is done.

    Raises:
        LabError: It could not, or it takes no requests.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(directory / SOCKET_NAME))
        except OSError as error:
            raise LabError(f"the lab in {directory} takes no requests: only those of `scripts/lab boot` do") from error
        with connection.makefile("rw", encoding="utf-8") as stream:
            stream.write(json.dumps({"action": action, "machine": machine, "argument": argument}) + "\n")
            stream.flush()
            answer = json.loads(stream.readline() or '{"error": "the lab ended"}')
    if "error" in answer:
        raise LabError(answer["error"])
    return str(answer["said"])


def _act(lab: Lab, *, action: str, machine: str, argument: str) -> str:
    do, says = ACTIONS[action]
    result = do(lab.machines[machine], argument)
    return says.format(name=machine, argument=argument or "nothing", result=result)
