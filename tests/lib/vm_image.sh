# shellcheck shell=bash
# The throw-away machine of the tier vm: Debian's own kernel, systemd and Slurm in a disk image, which is made once and
# kept. Nothing of it is installed on this machine, and no run writes to it. Sourced after packages.sh and peer.sh.
#
#   vm_image_open   makes the image when there is none; sets VM_IMAGE, a folder with disk and kernel, or VM_MISSING,
#                   the reason why there cannot be one
#   vm_image_close  lets others replace it
#
# BERTH_VM_CACHE  where the images are kept (/var/cache/berth-tests/vm). Removing the folder makes a newer one.
# BERTH_VM_SUITE  the Debian release: bookworm (Slurm 22.05, kernel 6.1), or trixie (24.11, 6.12) and so on

: "${BERTH_VM_CACHE:=/var/cache/berth-tests/vm}"
: "${BERTH_VM_SUITE:=bookworm}"

# Beside what the tests need anywhere. The cloud kernel has what Debian's other one has, less the drivers of real hardware,
# and the drivers of its disk (NVMe, ext4) built in: no initial RAM disk.
VM_PACKAGES="linux-image-cloud-amd64 systemd-sysv udev dbus dbus-user-session libpam-systemd kmod apparmor libgpgme11 gcc libc6-dev"

# vm_image_open: fails when the mirror is there and the image cannot be made; that nobody can be reached is no failure.
vm_image_open() {
    VM_IMAGE=$BERTH_VM_CACHE/$BERTH_VM_SUITE VM_MISSING=''
    if [[ $(dpkg --print-architecture) != amd64 ]]; then
        VM_MISSING="the virtual machine is one of amd64"
        return 0
    fi
    mkdir -p "${BERTH_VM_CACHE%/*}" && install -d -m 0700 "$BERTH_VM_CACHE" || return
    # Shared while the image is in use: a run beside this one waits with replacing it.
    exec {VM_LOCK}>"$BERTH_VM_CACHE/lock"
    flock --shared "$VM_LOCK"
    vm_image_is_complete && return 0
    flock "$VM_LOCK"
    vm_image_is_complete || vm_image_make || return
    flock --shared "$VM_LOCK"
}

vm_image_close() {
    [[ -n ${VM_LOCK:-} ]] || return 0
    exec {VM_LOCK}>&-
    unset VM_LOCK
}

# The last file that vm_image_make writes tells what the image was made of: the packages asked for, and this file.
vm_image_stamp() { { vm_image_packages && cat "$BERTH_SOURCE/tests/lib/vm_image.sh"; } | sha256sum; }
# shellcheck disable=SC2086
vm_image_packages() { printf '%s\n' ${BERTH_PACKAGES[slurm]} ${BERTH_PACKAGES[test]} $VM_PACKAGES | sort -u; }
vm_image_is_complete() { [[ $(vm_image_stamp) == "$(cat "$VM_IMAGE/stamp" 2>/dev/null)" ]]; }

# shellcheck disable=SC2034
vm_image_make() {
    local work=$BERTH_VM_CACHE/new PEER_RELEASE=$BERTH_VM_SUITE
    rm -rf --one-file-system "$work" "$VM_IMAGE" && mkdir -p "$work/image" || return
    if ! peer_find_mirror "$work"; then
        VM_MISSING='no network: the package mirror cannot be reached'
        rm -rf --one-file-system "$work"
        return 0
    fi
    say "Making a virtual machine of Debian $BERTH_VM_SUITE from $(<"$work/mirror")"
    (vm_image_unpack "$work" && vm_image_units "$work/root" && vm_image_pack "$work") >"$work/log" 2>&1 </dev/null || {
        tail -n 30 "$work/log" >&2
        return 1
    }
    mv "$work/image" "$VM_IMAGE" && rm -rf --one-file-system "$work"
}

# vm_image_unpack WORK: the system, its packages configured.
vm_image_unpack() {
    mmdebstrap --variant=minbase --include="$(vm_image_packages | paste -s -d ,)" \
        --aptopt='Acquire::Languages "none"' --aptopt='Acquire::Check-Valid-Until "false"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' "$BERTH_VM_SUITE" "$1/root" "$(<"$1/mirror")"
}

# vm_image_units ROOT: once the system is up it unpacks its second disk, a tar archive, runs what is in it, and goes off. The
# second serial line is that program's output, the third its results. Delegated is what Debian delegates to slurmd.
vm_image_units() {
    local root=$1
    mkdir -p "$root/etc/systemd/system/berth.target.wants"
    cat >"$root/usr/local/sbin/berth-guest" <<'GUEST'
#!/bin/bash
stty -F /dev/ttyS1 raw
stty -F /dev/ttyS2 raw
exec </dev/null >/dev/ttyS1 2>&1
mkdir /berth && tar -x -C /berth -f /dev/nvme1n1 && /berth/source/tests/vm/guest/run
printf 'end\t%s\n' "$?" >/dev/ttyS2
exec poweroff --force --force
GUEST
    chmod 0755 "$root/usr/local/sbin/berth-guest"
    cat >"$root/etc/systemd/system/berth-guest.service" <<'UNIT'
[Unit]
Requires=basic.target dbus.socket
After=basic.target dbus.socket
[Service]
ExecStart=/usr/local/sbin/berth-guest
Delegate=yes
Environment=HOME=/root USER=root
UNIT
    ln -s /etc/systemd/system/berth-guest.service "$root/etc/systemd/system/berth.target.wants/"
    cat >"$root/etc/systemd/system/berth.target" <<'UNIT'
[Unit]
Requires=basic.target
After=basic.target
AllowIsolate=yes
UNIT
    printf 'vm\n' >"$root/etc/hostname"
    printf '127.0.0.1 localhost\n127.0.0.2 vm\n' >"$root/etc/hosts"
    printf '/dev/nvme0n1 / ext4 noatime 0 1\n' >"$root/etc/fstab"
    # shellcheck disable=SC2086
    chroot "$root" systemctl --quiet set-default berth.target && chroot "$root" systemctl --quiet mask $VM_MASKED
}

# Slurm and munge of the tests' own run there; the others take long where a processor is emulated, and nothing asks for them.
VM_MASKED="munge.service slurmctld.service slurmd.service apparmor.service e2scrub_reap.service timers.target
    systemd-udev-trigger.service systemd-journal-flush.service systemd-update-utmp.service systemd-random-seed.service
    systemd-sysusers.service systemd-binfmt.service systemd-modules-load.service systemd-remount-fs.service
    kmod-static-nodes.service modprobe@configfs.service modprobe@drm.service modprobe@efi_pstore.service
    dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount
    proc-sys-fs-binfmt_misc.automount systemd-journald-audit.socket cryptsetup.target veritysetup.target integritysetup.target"

# vm_image_pack WORK: a sparse disk with room for what the tests write.
vm_image_pack() {
    local root=$1/root image=$1/image
    mv "$root"/boot/vmlinuz-* "$image/kernel" &&
        truncate -s 6G "$image/disk" && mke2fs -q -t ext4 -O ^has_journal -E root_owner=0:0 -m 0 -d "$root" "$image/disk" &&
        vm_image_stamp >"$image/stamp"
}
