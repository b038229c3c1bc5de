# shellcheck shell=bash disable=SC2016
# The real Apptainer and siftool, which Debian 12 does not have: from Debian unstable, in a root folder of their own that
# is kept between runs. The packages are fetched with the machine's own apt, hence through its mirror and proxy, checked
# against Debian's keys, and only unpacked: nothing of theirs is installed, configured or started on the machine.
# Sourced after common.sh, packages.sh and user.sh.
#
#   peer_open         makes the folder when there is none, and mounts it at PEER; sets PEER_MISSING when that cannot be
#   peer COMMAND…     runs a command with that folder as /, as the test user, whose home is the same one
#   peer_close        unmounts it
#
# BERTH_PEER_CACHE: where the folder is kept (/var/cache/berth-tests/peer). Removing it fetches newer packages.

: "${BERTH_PEER_CACHE:=/var/cache/berth-tests/peer}"
PEER_RELEASE=sid
# busybox gives what the two call (cp, sh); Apptainer mounts images with squashfuse and asks fusermount3 to unmount.
PEER_PACKAGES="apptainer siftool squashfuse fuse3 busybox-static"

# peer_open: fails when the mirror is there and the packages are not to be had; that nobody can be reached is no failure.
peer_open() {
    PEER=$BERTH_TEST_ROOT/peer PEER_MISSING=''
    PEER_ROOT=$BERTH_PEER_CACHE/$PEER_RELEASE-$(dpkg --print-architecture)
    mkdir -p "${BERTH_PEER_CACHE%/*}" && install -d -m 0700 "$BERTH_PEER_CACHE" || return
    # Shared while the folder is in use: a run beside this one waits with replacing it.
    exec {PEER_LOCK}>"$BERTH_PEER_CACHE/lock"
    flock --shared "$PEER_LOCK"
    if ! peer_is_complete; then
        flock "$PEER_LOCK"
        peer_is_complete || peer_make || return
        flock --shared "$PEER_LOCK"
    fi
    [[ -n $PEER_MISSING ]] || peer_mount
}

# The last file that peer_make writes tells what the folder was made of.
peer_is_complete() { [[ $(head -n 1 "$PEER_ROOT/packages" 2>/dev/null) == "$PEER_PACKAGES" ]]; }

peer_version() { sed -n "s/^$1_\([^_]*\)_.*/\1/p" "$PEER_ROOT/packages"; }

# --- making the folder ------------------------------------------------------------------------------------------------

peer_make() {
    local work=$BERTH_PEER_CACHE/new
    rm -rf --one-file-system "$work" "$PEER_ROOT" &&
        mkdir -p "$work"/apt/{state/lists/partial,cache/archives/partial} "$work/root" && : >"$work/apt/status" || return
    if ! peer_find_mirror "$work"; then
        PEER_MISSING='no network: the package mirror cannot be reached'
        rm -rf --one-file-system "$work"
        return 0
    fi
    say "Fetching Apptainer and siftool of Debian $PEER_RELEASE from $(<"$work/mirror")"
    (peer_fetch "$work" && peer_unpack "$work") >"$work/log" 2>&1 </dev/null || {
        tail -n 30 "$work/log" >&2
        return 1
    }
    mv "$work/root" "$PEER_ROOT" && rm -rf --one-file-system "$work"
}

# peer_find_mirror WORK: the mirror that the machine uses for Debian itself, or the one that everybody can use. Some
# seconds are enough to tell. One that answers, but with an error, counts: what is wrong then must not look like a skip.
peer_find_mirror() {
    local mirror
    for mirror in $(peer_mirrors); do
        mirror=${mirror%/}
        if timeout 15 /usr/lib/apt/apt-helper -o Acquire::http::Timeout=7 -o Acquire::https::Timeout=7 \
            -o Acquire::Retries=0 -o APT::Sandbox::User=root \
            download-file "$mirror/dists/$PEER_RELEASE/InRelease" "$1/InRelease" >"$1/log" 2>&1 </dev/null ||
            grep -qE '^ +4[0-9][0-9] ' "$1/log"; then
            printf '%s\n' "$mirror" >"$1/mirror"
            return 0
        fi
    done
    return 1
}

peer_mirrors() {
    {
        apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -m 1 '/debian/*$' || true
        echo http://deb.debian.org/debian/
    } | uniq
}

# peer_apt WORK ARGUMENT…: apt-get with lists, sources and a status of their own, so that the machine's stay as they are.
# A mirror that somebody froze may offer an old release; these packages only run tests.
peer_apt() {
    local apt=$1/apt
    shift
    apt-get -q -y -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State="$apt/state" \
        -o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache" -o APT::Sandbox::User=root \
        -o APT::Update::Error-Mode=any -o Acquire::Check-Valid-Until=false -o Acquire::Languages=none \
        -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false -o Acquire::Retries=2 "$@"
}

# peer_fetch WORK: the packages and what they depend on, as if nothing were installed.
peer_fetch() {
    printf 'deb [arch=%s signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' \
        "$(dpkg --print-architecture)" "$(<"$1/mirror")" "$PEER_RELEASE" >"$1/apt/sources.list"
    # shellcheck disable=SC2086
    peer_apt "$1" update && peer_apt "$1" --no-install-recommends --download-only install $PEER_PACKAGES
}

# peer_unpack WORK: no package's scripts run. Of the dependencies, those for networks of containers' own are left out:
# they are a quarter of all bytes, and no test needs them.
peer_unpack() {
    local root=$1/root package folder
    for folder in bin sbin lib lib64; do
        mkdir -p "$root/usr/$folder" && ln -s "usr/$folder" "$root/$folder" || return
    done
    for package in "$1"/apt/cache/archives/*.deb; do
        [[ ${package##*/} != containernetworking-plugins_* ]] || continue
        dpkg-deb --fsys-tarfile "$package" | tar -x -C "$root" --keep-directory-symlink --exclude='./usr/share/doc' \
            --exclude='./usr/share/man' --exclude='./usr/share/locale' || return
    done
    peer_complete "$root" || return
    {
        printf '%s\n' "$PEER_PACKAGES"
        find "$1/apt/cache/archives" -name '*.deb' -printf '%f\n' | sort
    } >"$root/packages"
}

# peer_complete ROOT: what is not in the packages: busybox's commands, mount points, and files that Apptainer insists on.
peer_complete() {
    local command
    for command in $("$1/bin/busybox" --list); do
        [[ -e $1/usr/bin/$command || -e $1/usr/sbin/$command ]] || ln -s busybox "$1/usr/bin/$command" || return
    done
    mkdir -p "$1"/{dev,proc,sys,tmp,run,home,root,var/tmp} && touch "$1"/etc/{passwd,group,resolv.conf,localtime} &&
        printf '127.0.0.1 localhost\n' >"$1/etc/hosts"
}

# --- using it ---------------------------------------------------------------------------------------------------------

# The folder is mounted read-only, so that no test can spoil it for the next run.
peer_mount() {
    mkdir "$PEER" && mount --bind "$PEER_ROOT" "$PEER" &&
        mount -t proc -o nosuid,nodev,noexec proc "$PEER/proc" && mount --bind /sys "$PEER/sys" &&
        peer_tmpfs dev 0755 && peer_tmpfs tmp 1777 && peer_tmpfs var/tmp 1777 && peer_tmpfs run 0755 &&
        peer_tmpfs home 0755 && mkdir "$PEER$TEST_HOME" && mount --bind "$TEST_HOME" "$PEER$TEST_HOME" &&
        mount --bind /etc/passwd "$PEER/etc/passwd" && mount --bind /etc/group "$PEER/etc/group" &&
        mount -o remount,bind,ro "$PEER" && peer_devices "$PEER/dev"
}

peer_tmpfs() { mount -t tmpfs -o mode="$2" berth-test-peer "$PEER/$1"; }

# peer_devices FOLDER: the machine's own nodes where none can be made; without /dev/fuse Apptainer runs nothing.
peer_devices() {
    local name major minor
    while read -r name major minor; do
        mknod -m 0666 "$1/$name" c "$major" "$minor" 2>/dev/null || peer_device_of_machine "$1/$name" "/dev/$name" || return
    done <<<$'null 1 3\nzero 1 5\nfull 1 7\nrandom 1 8\nurandom 1 9\ntty 5 0\nfuse 10 229'
    mkdir "$1/shm" "$1/pts" && ln -s /proc/self/fd "$1/fd" && ln -s fd/0 "$1/stdin" && ln -s fd/1 "$1/stdout" &&
        ln -s fd/2 "$1/stderr" && ln -s pts/ptmx "$1/ptmx" &&
        mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 berth-test-peer "$1/pts"
}

peer_device_of_machine() { [[ ! -e $2 ]] || { : >"$1" && mount --bind "$2" "$1"; }; }

# The folder is moved over / before the change of root: in a root that is not its namespace's own, the kernel allows no
# user namespaces. The programs that do so are the machine's, found before the change.
peer() {
    unshare --mount --propagation private -- /bin/sh -c 'cd "$1" && mount --move . / && shift && exec "$@"' peer "$PEER" \
        env -i PATH=/usr/bin:/usr/sbin HOME="$TEST_HOME" USER="$TEST_USER" LOGNAME="$TEST_USER" LC_ALL=C.UTF-8 \
        /usr/sbin/chroot --userspec="+$TEST_UID:+$TEST_GID" --groups="+$TEST_GID,+$TEST_GROUP_GID" . "$@"
}

peer_close() {
    [[ -n ${PEER_LOCK:-} ]] || return 0
    if [[ -d $PEER ]]; then
        unmount_beneath "$PEER"
        umount -l "$PEER" 2>/dev/null || true
        rmdir "$PEER"
    fi
    exec {PEER_LOCK}>&-
    unset PEER_LOCK
}
