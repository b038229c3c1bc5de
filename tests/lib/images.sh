# shellcheck shell=bash
# Folders and images that tests run. Sourced after common.sh.

# demo_folder FOLDER: a small root folder: busybox and its commands, a few files of /etc, an environment and a runscript.
demo_folder() {
    local root=$1 applet
    mkdir -p "$root"/{bin,etc,dev,proc,sys,tmp,root,usr/bin,var/tmp,.singularity.d/env}
    chmod 1777 "$root/tmp" "$root/var/tmp"
    install -m 0755 /bin/busybox "$root/bin/busybox"
    for applet in $(/bin/busybox --list); do
        [[ $applet == busybox ]] || ln -s busybox "$root/bin/$applet"
    done
    printf 'NAME="Berth demo"\nID=berth-demo\n' >"$root/etc/os-release"
    printf 'root:x:0:0:root:/root:/bin/sh\n' >"$root/etc/passwd"
    printf 'root:x:0:\n' >"$root/etc/group"
    printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
    cat >"$root/.singularity.d/env/90-environment.sh" <<'SH'
export DEMO_GREETING="hello from the image"
SH
    cat >"$root/.singularity.d/runscript" <<'SH'
#!/bin/sh
echo "runscript: $DEMO_GREETING; arguments: $*"
SH
    chmod 0755 "$root/.singularity.d/env/90-environment.sh" "$root/.singularity.d/runscript"
}

# build_image IMAGE FOLDER: packs it with our own "berth build".
build_image() { "$BERTH_PREFIX/bin/berth" build "$1" "$2" >/dev/null; }

# --- changing an image's bytes; the layout is the SIF format's --------------------------------------------------------

# sif_int64 IMAGE OFFSET: prints the little-endian number there.
sif_int64() { od -A n -t d8 -j "$2" -N 8 "$1" | tr -d ' '; }

# sif_patch IMAGE OFFSET BYTES: writes BYTES (printf's escapes) there.
sif_patch() {
    # shellcheck disable=SC2059
    printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# sif_set_arch IMAGE CODE: two digits, in the header and in the first partition's descriptor.
sif_set_arch() {
    local descriptor
    sif_patch "$1" 45 "$2\\0"
    descriptor=$(sif_primary_descriptor "$1")
    sif_patch "$1" $((descriptor + 201 + 8)) "$2\\0"
}

# sif_primary_descriptor IMAGE: the offset of the descriptor of the partition with kind 2, the primary system.
sif_primary_descriptor() {
    local at end
    at=$(sif_int64 "$1" 96)
    end=$((at + 585 * $(sif_int64 "$1" 88)))
    for (( ; at < end; at += 585)); do
        [[ $(od -A n -t d4 -j "$at" -N 4 "$1" | tr -d ' ') == 16388 ]] || continue
        [[ $(od -A n -t d4 -j $((at + 205)) -N 4 "$1" | tr -d ' ') == 2 ]] || continue
        printf '%s\n' "$at"
        return 0
    done
    die "$1 has no primary partition"
}
