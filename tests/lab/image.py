"""The base image: a Debian with real OpenZFS, as a disk that every machine reads and none writes.

Two stages, cached apart. The *root* is what takes minutes: mmdebstrap installs the packages, and for QEMU's machines dkms
compiles ZFS. The *disk* takes seconds: the root plus the lab's own files (``guest.py``), and the modules of a kernel for
user mode. So a changed guest file costs no new bootstrap.
"""

import logging
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.lab import guest, um_kernel
from tests.lab.cache import cache_root, digest, made
from tests.lab.host import LabError, ensure_packages, run_host, with_descendants


log = logging.getLogger("zfspull.lab")

# release -> the version of its python3 package, which deps.py builds for
PYTHON_OF_RELEASE = {"trixie": "3.13", "bookworm": "3.11"}
RELEASES = tuple(PYTHON_OF_RELEASE)

PACKAGES = (
    "systemd-sysv", "dbus", "udev", "kmod", "iproute2", "iputils-ping", "openssh-server", "sudo", "python3",
    "zfsutils-linux", "procps", "ca-certificates", "zstd", "netcat-openbsd", "mbuffer", "pv", "sanoid", "curl", "strace",
    "tzdata",
)  # fmt: skip
# What a machine of QEMU's starts; one for user mode has a kernel of its own (um_kernel.py).
KERNEL_PACKAGES = ("linux-image-cloud-amd64", "linux-headers-cloud-amd64", "zfs-dkms", "initramfs-tools")
ACCELERATOR_VARIABLE = "ZFSPULL_LAB_ACCEL"  # uml, kvm or tcg
DISK_SIZE = "4G"  # sparse: the host pays for what is written, about 0.6 GB

NEEDED_BYTES = 4 << 30  # the root unpacked and packed, the disk, a saved state


@dataclass(frozen=True)
class Image:
    """A base image in the cache; ``directory`` holds the files named below.

    Attributes:
        release: The Debian release, such as ``trixie``.
        user_mode: Whether its kernel is a program of the host's rather than QEMU's guest.
        key: The hash of all that defines it.
        directory: Where it lies.
    """

    release: str
    user_mode: bool
    key: str
    directory: Path

    @property
    def disk(self) -> Path:
        """The root disk: raw ext4, no partition table, read-only for all."""
        return self.directory / "disk.img"

    @property
    def kernel(self) -> Path:
        """The kernel: a program for user mode, else what QEMU starts."""
        return self.directory / ("linux" if self.user_mode else "vmlinuz")

    @property
    def initrd(self) -> Path:
        """The initial file system of a kernel that QEMU starts."""
        return self.directory / "initrd.img"

    @property
    def private_key(self) -> Path:
        """The key that logs in as root on every machine of this image."""
        return self.directory / "id_ed25519"

    @property
    def public_key(self) -> str:
        """The public half of ``private_key``, one line."""
        return (self.directory / "id_ed25519.pub").read_text().strip()

    @property
    def host_key(self) -> str:
        """The sshd host key of every machine of this image, as ``ssh-ed25519 AAAA...``."""
        return " ".join((self.directory / "host_ed25519.pub").read_text().split()[:2])

    @property
    def python_version(self) -> str:
        """The guest's Python, such as ``3.13``."""
        return PYTHON_OF_RELEASE[self.release]

    @property
    def python(self) -> list[str]:
        """A command that runs the guest's own Python natively on this host, to compile for the guest at full speed."""
        root = self.directory / "python"
        libraries = root / "usr/lib/x86_64-linux-gnu"
        return [
            "env", f"PYTHONHOME={root}/usr", str(libraries / "ld-linux-x86-64.so.2"),
            "--library-path", str(libraries), str(root / f"usr/bin/python{self.python_version}"),
        ]  # fmt: skip


def root_packages(*, user_mode: bool) -> tuple[str, ...]:
    """What is installed into a root."""
    return PACKAGES if user_mode else (*PACKAGES, *KERNEL_PACKAGES)


def root_key(release: str, *, user_mode: bool) -> str:
    """The name of the bootstrapped root of ``release``."""
    return digest([release, root_packages(user_mode=user_mode), guest.EXCLUDED_DOCUMENTATION, 2])


def image_key(release: str, *, user_mode: bool) -> str:
    """The name of the image that this code makes of ``release``."""
    kernel = um_kernel.kernel_key(release) if user_mode else None
    return digest([root_key(release, user_mode=user_mode), kernel, guest.definition(release), DISK_SIZE, 2])


def find_image(release: str = "trixie") -> Image | None:
    """The image if it was built already."""
    if not _user_mode_is_for(release):
        return _found(release, user_mode=False)
    kernel = um_kernel.find_kernel(release)  # whether it works decides which image it is
    return _found(release, user_mode=um_kernel.works(kernel / "linux")) if kernel else None


def _found(release: str, *, user_mode: bool) -> Image | None:
    key = image_key(release, user_mode=user_mode)
    directory = cache_root() / "images" / key
    return Image(release, user_mode, key, directory) if directory.is_dir() else None


def _user_mode_is_for(release: str) -> bool:
    return release in um_kernel.RELEASES and os.environ.get(ACCELERATOR_VARIABLE, "uml") == "uml"


def ensure_image(release: str = "trixie") -> Image:
    """Return the base image of ``release``, built first if need be (about 12 minutes, once).

    Its kernel is one for user mode where such a one works, and ``$ZFSPULL_LAB_ACCEL`` does not ask for another.

    Raises:
        LabError: The release is unknown, this is not root, or a step of the build failed.
    """
    if release not in RELEASES:
        raise LabError(f"no such release: {release}; the lab knows {', '.join(RELEASES)}")
    found = find_image(release)
    if found:
        return found
    ensure_packages()
    if os.geteuid() != 0:
        raise LabError(
            "building the lab's base image needs root (chroot, device nodes, owners of files); booting does not"
        )
    free_bytes = shutil.disk_usage(cache_root()).free
    if free_bytes < NEEDED_BYTES:
        raise LabError(
            f"building the lab's base image needs {NEEDED_BYTES >> 30} GiB in {cache_root()} and {free_bytes >> 30} are free; "
            "set ZFSPULL_LAB_CACHE to a directory with more room"
        )
    user_mode = _user_mode_is_for(release) and um_kernel.works(um_kernel.ensure_kernel(release) / "linux")
    key = image_key(release, user_mode=user_mode)
    directory = made("images", key, lambda fresh: _make_disk(release, fresh, user_mode=user_mode))
    return Image(release, user_mode, key, directory)


def _make_root(release: str, into: Path, *, user_mode: bool) -> None:
    """Bootstrap the release, with ZFS compiled in for a machine of QEMU's, as ``root.tar``."""
    log.info("building Debian %s with OpenZFS: a few minutes, once (log: %s/mmdebstrap.log)", release, into)
    into.chmod(0o755)  # apt drops its rights and must still find the way into its root, which lies in here
    excludes = [f"--dpkgopt={option}" for option in guest.EXCLUDED_DOCUMENTATION]
    # No mirror is named: mmdebstrap knows Debian's own, with its updates and security archives.
    bootstrap = [
        "mmdebstrap", "--variant=minbase", "--components=main,contrib", '--aptopt=Apt::Install-Recommends "false"',
        *excludes, f"--include={','.join(root_packages(user_mode=user_mode))}",
        '--customize-hook=rm -rf "$1"/usr/src/* "$1"/var/lib/dkms/*',
        release, str(into / "root.tar"),
    ]  # fmt: skip
    # A killed build must not leave a bootstrap that goes on for minutes in a directory that the next build removes.
    run_host(with_descendants(bootstrap), log_file=into / "mmdebstrap.log", temporary=into)


def _make_disk(release: str, into: Path, *, user_mode: bool) -> None:
    """Turn the root and the lab's own files into a disk, with the kernel and what the host needs beside it."""
    root_tar = (
        made(
            "roots",
            root_key(release, user_mode=user_mode),
            lambda fresh: _make_root(release, fresh, user_mode=user_mode),
        )
        / "root.tar"
    )
    log.info("making the disk of the %s image", release)
    run_host(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "zfspull-lab", "-f", str(into / "id_ed25519")])
    root = Path(tempfile.mkdtemp(prefix="root-", dir=into))
    # Device nodes come from devtmpfs; unpacking them needs rights that some containers withhold.
    run_host(["tar", "--extract", "--numeric-owner", "--exclude=./dev/*", f"--file={root_tar}", f"--directory={root}"])
    root.chmod(0o755)
    guest.furnish(root, release=release, authorized_key=(into / "id_ed25519.pub").read_text())
    shutil.copyfile(root / "etc/ssh/ssh_host_ed25519_key.pub", into / "host_ed25519.pub")
    if user_mode:
        built = um_kernel.ensure_kernel(release)
        run_host(["tar", "--extract", f"--file={built / 'modules.tar'}", f"--directory={root}"])
        shutil.copy2(built / "linux", into / "linux")
    else:
        (kernel,) = root.glob("boot/vmlinuz-*")
        (initrd,) = root.glob("boot/initrd.img-*")
        shutil.copyfile(kernel, into / "vmlinuz")
        shutil.copyfile(initrd, into / "initrd.img")
    _copy_python(root, into / "python", PYTHON_OF_RELEASE[release])
    disk = into / "disk.img"
    run_host(["truncate", "-s", DISK_SIZE, str(disk)])
    run_host(["mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", str(root), str(disk)])
    shutil.rmtree(root)


def _copy_python(root: Path, into: Path, version: str) -> None:
    """Copy the guest's Python with its libraries, which then runs on this host: same processor, its own libc."""
    libraries = "usr/lib/x86_64-linux-gnu"
    for name in ("usr/bin", "usr/lib", libraries):
        (into / name).mkdir(parents=True)
    shutil.copy2(root / f"usr/bin/python{version}", into / "usr/bin")
    shutil.copytree(root / f"usr/lib/python{version}", into / f"usr/lib/python{version}", symlinks=True)
    for stem in ("ld-linux-x86-64", "libc", "libm", "libz", "libexpat", "libcrypto", "libssl", "libffi", "libzstd"):
        for library in [*root.glob(f"{libraries}/{stem}.so*"), *root.glob(f"lib/x86_64-linux-gnu/{stem}.so*")]:
            shutil.copy2(library, into / libraries)
