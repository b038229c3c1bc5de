# shellcheck shell=bash
# The Debian packages that building, testing and measuring need, and their installation. Sourced after common.sh.

declare -gA BERTH_PACKAGES=(
    [build]="g++ cmake ninja-build pkg-config libfmt-dev libcli11-dev nlohmann-json3-dev libtomlplusplus-dev libyaml-cpp-dev libseccomp-dev
             libfuse3-dev libsquashfuse-dev zlib1g-dev liblzma-dev libzstd-dev liblz4-dev liblzo2-dev
             libslurm-dev squashfs-tools libgpgme-dev libssl-dev libcurl4-openssl-dev libsystemd-dev"
    [unit]="catch2 cryptsetup-bin"
    [slurm]="slurmd slurmctld slurm-client slurm-wlm-basic-plugins munge"
    [test]="busybox-static uidmap fuse3 iproute2 procps util-linux mount passwd libcap2-bin squashfs-tools python3 acl cryptsetup-bin
            gpg gpg-agent gpgconf openssl groff-base"
    [peer]="debian-archive-keyring"
    [matrix]="mmdebstrap debian-archive-keyring"
    [vm]="qemu-system-x86 mmdebstrap e2fsprogs debian-archive-keyring"
    [fuzz]="clang-14 libclang-rt-14-dev llvm-14"
    [tidy]="clang-tidy clang-format"
    [bench]="bubblewrap crun charliecloud squashfuse busybox-static squashfs-tools"
)

package_installed() {
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# packages_missing GROUP…: prints the packages of these groups that are not installed, each once.
packages_missing() {
    local group package
    for group in "$@"; do
        for package in ${BERTH_PACKAGES[$group]}; do
            package_installed "$package" || printf '%s\n' "$package"
        done
    done | sort -u
}

# packages_install GROUP…: installs what is missing. Services that come with a package are not started: a Slurm or
# munge of the machine's own is none of our business, and ours are started from a folder of their own.
packages_install() {
    local missing log status=0
    mapfile -t missing < <(packages_missing "$@")
    ((${#missing[@]})) || return 0
    command -v apt-get >/dev/null ||
        die "these packages are missing and this is not a Debian system: ${missing[*]}"
    say "Installing ${#missing[@]} packages: ${missing[*]}"
    log=$(mktemp)
    packages_forbid_services
    packages_apt "${missing[@]}" >"$log" 2>&1 </dev/null || status=$?
    packages_allow_services
    if ((status)); then
        tail -n 30 "$log" >&2
        die "apt-get could not install: ${missing[*]} (all of its output: $log)"
    fi
    rm -f "$log"
}

packages_apt() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get -q -y -o DPkg::Lock::Timeout=300 update &&
        apt-get -q -y -o DPkg::Lock::Timeout=300 --no-install-recommends install "$@"
}

# policy-rc.d is asked by Debian's packages before they start a service. An existing one is the machine's, and stays.
BERTH_POLICY=/usr/sbin/policy-rc.d

packages_forbid_services() {
    [[ ! -e $BERTH_POLICY ]] || return 0
    printf '#!/bin/sh\n# Put here by Berth while it installs packages.\nexit 101\n' >"$BERTH_POLICY"
    chmod 0755 "$BERTH_POLICY"
    BERTH_POLICY_IS_OURS=1
}

packages_allow_services() {
    [[ -n ${BERTH_POLICY_IS_OURS:-} ]] || return 0
    rm -f "$BERTH_POLICY"
    unset BERTH_POLICY_IS_OURS
}
