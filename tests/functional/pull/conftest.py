from tests.functional.hosts.fixtures import _nothing_left_behind, proxy, ssh_host


__all__ = ["_nothing_left_behind", "proxy", "ssh_host"]
