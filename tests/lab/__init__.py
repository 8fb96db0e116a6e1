"""The lab: throw-away virtual machines with real OpenZFS, on any x86-64 Debian or Ubuntu, without KVM too.

A tour, from the bottom up:

==============  ========================================================================================================
``host``        what the host must have, installed where this is root
``cache``       what is slow to make is made once, whole or not at all
``guest``       the files that turn a Debian into a lab machine
``um_kernel``   Linux for user mode with OpenZFS, a kernel that is a program
``image``       Debian + OpenZFS + those files = the read-only base disk, and its kernel
``emulator``    which QEMU
``accel``       user mode where it works, else KVM where a real guest runs under it, else software emulation
``shape``       image, accelerator, processors and memory of a machine
``devices``     disks and network cards; ``link`` the cable between machines; ``ports`` free ports
``children``    processes that die with this one; ``rundir`` the directory that is swept after a crash
``hardware``    what every machine is made of: a process with a console, disks and cards
``qmp``         QEMU's control socket; ``qemu`` a machine that QEMU plays
``switch``      the network of a machine that QEMU doesn't play; ``mconsole`` its control socket; ``uml`` that machine
``ssh``         commands and files; ``wrapper`` a guest's command as an executable of the host
``readiness``   when a boot is over; ``identity`` what makes a booted machine somebody
``saved``       the state of a booted machine, from which all later ones start
``machine``     one machine; ``lab`` several, with their link
``deps``        zfspull's dependencies as a disk; ``software`` zfspull in a machine
``pools``       fresh pools; ``fixtures`` the pytest plugin
``command``     ``scripts/lab``; ``control`` how it reaches the machines that another process owns
==============  ========================================================================================================
"""
