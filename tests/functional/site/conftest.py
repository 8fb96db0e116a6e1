from tests.functional.hosts.fixtures import _nothing_left_behind, ssh_host


__all__ = ["_nothing_left_behind", "ssh_host"]
