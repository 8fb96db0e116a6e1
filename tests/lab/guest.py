"""What the lab puts into the base image: files, links and removals that make it boot fast and answer over ssh.

The image is nobody yet: no name, no private address, ZFS not loaded. ``identity.py`` makes it somebody after boot, so
that one saved machine state can serve all machines.
"""

import shutil
from pathlib import Path


EXCLUDED_DOCUMENTATION = (
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
)

USER_ADDRESS = "10.0.2.15"  # QEMU's user network gives this guest, and only this one, an address known beforehand
NETWORK_SCRIPT = "/etc/lab/network"

SSHD_CONFIG = """\
PermitRootLogin prohibit-password
PasswordAuthentication no
UseDNS no
AcceptEnv LC_* LANG ZFSPULL_*
# Tests open many channels on one connection, and many connections at once.
MaxSessions 500
MaxStartups 500
"""
# OpenSSH 9.8 and later lock out an address after failed log-ins; a test of failed log-ins would lock out the next test.
SSHD_CONFIG_TRIXIE = "PerSourcePenalties no\n"

NETWORK_UNIT = f"""\
[Unit]
Description=Addresses of the lab's links
DefaultDependencies=no
After=systemd-udevd.service
Before=network.target network-online.target ssh.service
Wants=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh {NETWORK_SCRIPT}
"""

# A script rather than systemd-networkd: nothing to negotiate, and a second less to boot under emulation.
NETWORK = f"""\
ip link set lo up
for attempt in $(seq 100); do [ -e /sys/class/net/eth0 ] && break; sleep 0.1; done
ip address replace {USER_ADDRESS}/24 dev eth0
ip link set eth0 up
"""

READY_MARK = "zfspull-lab: ready"
READY_UNIT = f"""\
[Unit]
Description=Tell the lab that sshd listens
After=ssh.service lab-network.service zfs.target

[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo "{READY_MARK}" >/dev/ttyS0'
"""

SYSTEMD_CONF = """\
[Manager]
# Under software emulation on a busy host everything takes long.
DefaultTimeoutStartSec=300s
DefaultTimeoutStopSec=30s
DefaultDeviceTimeoutSec=300s
"""

JOURNALD_CONF = "[Journal]\nStorage=persistent\nSystemMaxUse=64M\nRateLimitBurst=0\n"

# In user mode, disks and cards get the names that they have under QEMU.
UDEV_RULES = """\
SUBSYSTEM=="net", KERNEL=="vec*", NAME="eth%n"
SUBSYSTEM=="block", KERNEL=="ubd*", ENV{DEVTYPE}=="disk", ATTR{serial}=="?*", SYMLINK+="disk/by-id/virtio-$attr{serial}"
"""

FILES = {
    "etc/hostname": "lab\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/fstab": "",  # the kernel's command line mounts the root for writing
    "etc/resolv.conf": "",
    "etc/machine-id": "",
    "etc/ssh/sshd_config.d/lab.conf": SSHD_CONFIG,
    "etc/systemd/system/lab-network.service": NETWORK_UNIT,
    "etc/systemd/system/lab-ready.service": READY_UNIT,
    "etc/systemd/system.conf.d/lab.conf": SYSTEMD_CONF,
    "etc/systemd/journald.conf.d/lab.conf": JOURNALD_CONF,
    # The emulated processor offers virtualisation, and two modules of a second each would take up the offer.
    "etc/modprobe.d/lab.conf": "blacklist kvm_amd\nblacklist kvm_intel\n",
    "etc/udev/rules.d/60-lab.rules": UDEV_RULES,
    NETWORK_SCRIPT.lstrip("/"): NETWORK,
}

# Not started at boot. ZFS is loaded by identity.py instead: the module seeds its random numbers when it is loaded, and
# two machines restored from one saved state with ZFS loaded would give their snapshots the same guids.
MASKED_UNITS = (
    "zfs-load-module.service", "zfs-zed.service", "zfs-share.service", "zfs-volume-wait.service",
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "fstrim.timer", "e2scrub_all.timer",
    "e2scrub_reap.service", "sanoid.timer", "sanoid-prune.service", "systemd-tmpfiles-clean.timer",
    "getty@tty1.service", "getty-static.service", "serial-getty@ttyS0.service", "ldconfig.service",
    "systemd-firstboot.service", "systemd-hwdb-update.service", "systemd-journal-catalog-update.service",
    "systemd-update-done.service", "sshd-keygen.service", "systemd-pstore.service", "systemd-binfmt.service",
    "systemd-timesyncd.service", "systemd-networkd-wait-online.service",
)  # fmt: skip

# What loads ZFS behind our back.
EMPTIED = ("usr/lib/modules-load.d/zfs.conf",)
# Compilers and headers did their work in the first stage; caches are rebuilt by nobody here.
REMOVED = (
    "usr/libexec/gcc", "usr/lib/gcc", "usr/include", "usr/bin/x86_64-linux-gnu-lto-dump-*", "usr/lib/linux-kbuild-*",
    "var/cache/apt", "var/lib/apt/lists", "var/log/apt", "var/cache/debconf", "etc/hostid",
    "etc/ssh/ssh_host_rsa_key*", "etc/ssh/ssh_host_ecdsa_key*", "etc/systemd/system/timers.target.wants",
)  # fmt: skip


def definition(release: str) -> object:
    """All that decides what ``furnish`` does, for the image's key."""
    return [FILES, MASKED_UNITS, EMPTIED, REMOVED, SSHD_CONFIG_TRIXIE if release == "trixie" else "", 1]


def furnish(root: Path, *, release: str, authorized_key: str) -> None:
    """Write the lab's files into the unpacked root at ``root``, and let ``authorized_key`` log in as root."""
    for pattern in REMOVED:
        for path in root.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    for name, text in FILES.items():
        _write(root / name, text)
    for name in EMPTIED:
        _write(root / name, "")
    if release == "trixie":
        _write(root / "etc/ssh/sshd_config.d/lab-trixie.conf", SSHD_CONFIG_TRIXIE)
    units = root / "etc/systemd/system"
    for unit in MASKED_UNITS:
        link = units / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")
    for unit in ("lab-network.service", "lab-ready.service"):
        (units / "multi-user.target.wants" / unit).symlink_to(f"../{unit}")
    for directory in ("etc/zfs", "var/log/journal", "opt/zfspull-deps"):
        (root / directory).mkdir(parents=True, exist_ok=True)
    home = root / "root/.ssh"
    home.mkdir(mode=0o700, exist_ok=True)
    _write(home / "authorized_keys", authorized_key)
    (home / "authorized_keys").chmod(0o600)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():  # /etc/resolv.conf and the like: replace the link, never write through it to the host
        path.unlink()
    path.write_text(text)
    path.chmod(0o644)
