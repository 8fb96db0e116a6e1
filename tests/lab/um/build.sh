#!/bin/sh
# Builds Linux for user mode, and ZFS's modules for it, from Debian's sources; run in a Debian of the release in question
# with /um/config. Leaves /um/linux and /um/modules.tar.
set -eu

# From 6.16 on, a guest's process costs the host half as much: it asks through shared memory (seccomp) instead of being
# traced, and begins empty instead of as a copy. 7.2 is the newest that ZFS 2.3.9 knows; the release's own does as well.
echo "deb http://deb.debian.org/debian $(. /etc/os-release && echo "$VERSION_CODENAME")-backports main" >/etc/apt/sources.list.d/backports.list
apt-get update || echo "going on without what could not be had"
apt-get install --yes --no-install-recommends linux-source-7.2 || apt-get install --yes --no-install-recommends linux-source

cd /usr/src
tar --extract --file="$(echo linux-source-*.tar.xz)"
cd linux-source-*/
sources=$PWD
# Linked statically this driver could not look up host names; it is only ever handed a socket.
sed -i '/^config UML_NET_VECTOR/,/^config/{/select MAY_HAVE_RUNTIME_DEPS/d}' arch/um/drivers/Kconfig
make ARCH=um defconfig
KCONFIG_CONFIG=.config ARCH=um scripts/kconfig/merge_config.sh -m .config /um/config
make ARCH=um olddefconfig
make ARCH=um -j"$(nproc)" linux modules
make ARCH=um INSTALL_MOD_PATH=/um/root/usr modules_install
release=$(make --silent ARCH=um kernelrelease)
cp linux /um/linux

cd /um
apt-get download zfs-dkms # to install it would build it for a kernel that is not here
dpkg-deb --extract zfs-dkms_*.deb zfs
cd zfs/usr/src/zfs-*/
export ARCH=um SUBARCH=x86_64
sh configure --disable-dependency-tracking --with-config=kernel --with-linux="$sources" --with-linux-obj="$sources"
make -j"$(nproc)"
extra=/um/root/usr/lib/modules/$release/extra
mkdir -p "$extra"
cp module/spl.ko module/zfs.ko "$extra"
rm -f "/um/root/usr/lib/modules/$release/build" "/um/root/usr/lib/modules/$release/source"
mkdir -p /um/root/lib && ln -sfn ../usr/lib/modules /um/root/lib/modules
depmod --basedir=/um/root "$release"
tar --create --file=/um/modules.tar --directory=/um/root usr/lib/modules
