# shellcheck shell=bash
# Other releases of Slurm, with the compiler and libraries of the Debian that has them: the same source is built and tested
# in a root folder of that Debian. Sourced after everything that tiers use.
#
# A folder is made once, by mmdebstrap, and kept; a run sees it through an overlay of its own, so that nothing of a run
# stays in it. Builds begin anew each time, since the source may be another one, and take what they can from a ccache that
# is kept beside the folder. The tests inside are this very ./run-tests, in a pid namespace: their users have ids
# that others' processes may have, too, and what is left ends with it.
#
# BERTH_MATRIX_CACHE   where the folders are kept (/var/cache/berth-tests/matrix). Removing SUITE-ARCHITECTURE in it makes a
#                      new one, of what the suite has that day; its file "made" tells when, from where, and of what
# BERTH_MATRIX         the suites to run (trixie sid)

: "${BERTH_MATRIX_CACHE:=/var/cache/berth-tests/matrix}"
: "${BERTH_MATRIX:=trixie sid}"
# The Slurm that each suite is there for: by that name go the results when no folder tells which one it has.
declare -gA MATRIX_SLURM=([trixie]=24.11 [sid]=26.05)
# Which tests run there, unless -f says it: those of Slurm, and the attacks on what Slurm's releases may do differently.
MATRIX_FILES='^slurm/|^attacks/lost_options'

tier_matrix() {
    local suite
    for suite in $BERTH_MATRIX; do
        [[ -n ${MATRIX_SLURM[$suite]:-} ]] || die "BERTH_MATRIX: no suite '$suite'; there are: ${!MATRIX_SLURM[*]}"
        matrix_run "$suite"
    done
}

matrix_run() {
    local suite=$1 name=matrix-${MATRIX_SLURM[$1]}
    MATRIX_FOLDER=$BERTH_MATRIX_CACHE/$suite-$(dpkg --print-architecture)
    # Closed to users: there are programs with setuid bits in it, which nobody updates.
    mkdir -p "${BERTH_MATRIX_CACHE%/*}"
    install -d -m 0700 "$BERTH_MATRIX_CACHE" "$MATRIX_FOLDER"
    # Held until the end of this run: one that comes beside it waits with replacing the folder.
    exec {MATRIX_LOCK}>"$MATRIX_FOLDER/lock"
    flock "$MATRIX_LOCK"
    if matrix_is_complete || matrix_make "$suite"; then
        flock --shared "$MATRIX_LOCK"
        name=matrix-$(matrix_made slurmd | sed 's/^\([0-9]*\.[0-9]*\).*/\1/')
        heading "$name: Debian $suite of $(matrix_made date), Slurm $(matrix_made slurmd), g++ $(matrix_made g++)"
        matrix_inside "$name"
    elif [[ -n $MATRIX_MISSING ]]; then
        result_record skip "$name:all" 0 "$MATRIX_MISSING"
    else
        result_record fail "$name:all" 0 "the root folder could not be made; see the output above"
    fi
    exec {MATRIX_LOCK}>&-
}

# --- making the folder ------------------------------------------------------------------------------------------------

# The packages by the groups of packages.sh, and a ccache.
matrix_packages() {
    local group
    for group in build unit slurm test; do xargs -n 1 <<<"${BERTH_PACKAGES[$group]}"; done | sort -u - <(echo ccache)
}

# The last file that is written tells what the folder was made of.
matrix_is_complete() { [[ $(matrix_made packages) == "$(matrix_packages | xargs)" ]]; }

# matrix_made NAME: what the file says of it.
matrix_made() { sed -n "s/^$1: //p" "$MATRIX_FOLDER/made" 2>/dev/null; }

# matrix_make SUITE: fails, with MATRIX_MISSING set when nobody can be reached.
matrix_make() {
    local suite=$1 root=$MATRIX_FOLDER/root work=$BERTH_TEST_ROOT/matrix-$1.work
    MATRIX_MISSING=''
    mkdir -p "$work"
    if ! PEER_RELEASE=$suite peer_find_mirror "$work"; then
        MATRIX_MISSING='no network: the package mirror cannot be reached'
        return 1
    fi
    say "Making a root folder of Debian $suite from $(<"$work/mirror") in $root"
    rm -rf --one-file-system "$root" "$MATRIX_FOLDER/made"
    if ! matrix_debootstrap "$suite" "$root" "$(<"$work/mirror")" >"$work/log" 2>&1 </dev/null; then
        tail -n 30 "$work/log" >&2
        return 1
    fi
    # Ids that no other run's users have: FUSE connections are shown by the user's number, and those of all namespaces.
    sed -i -E 's/^#?([UG]ID_MIN)[[:space:]].*/\1 40000/; s/^#?(SYS_[UG]ID_MAX)[[:space:]].*/\1 799/' "$root/etc/login.defs"
    # Nobody is asked for names (the file of hosts is each run's own).
    sed -i 's/^hosts:.*/hosts: files/' "$root/etc/nsswitch.conf"
    : >"$root/etc/resolv.conf"
    {
        printf 'date: %s\nmirror: %s\n' "$(date -u +%F)" "$(<"$work/mirror")"
        dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${Package}: ${Version}\n' slurmd g++
        printf 'packages: %s\n' "$(matrix_packages | xargs)"
    } >"$work/made" && mv "$work/made" "$MATRIX_FOLDER/made"
}

# A mirror that somebody froze may offer an old release; these packages only run tests.
matrix_debootstrap() {
    mmdebstrap --mode=root --variant=minbase --include="$(matrix_packages | paste -s -d ,)" \
        --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "2"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' "$1" "$2" "$3"
}

# --- using it ---------------------------------------------------------------------------------------------------------

# matrix_inside NAME: this source's run-tests, in the folder, its results under NAME. The preset dev compiles in a third of
# the time, and a newer compiler's warnings are errors. The run is put in the background so that a signal to us is not kept
# waiting for its end.
matrix_inside() {
    local name=$1 scratch=$BERTH_TEST_ROOT/$1 status=0
    mkdir -p "$scratch"/{overlay,place,home,build} "$MATRIX_FOLDER/ccache"
    : >"$scratch/results"
    # Slurm looks up localhost and the machine's name, and waits for long where they are not known.
    printf '127.0.0.1 localhost\n127.0.0.1 %s\n' "$(hostname)" >"$scratch/hosts"
    unshare --mount --pid --fork --kill-child --propagation private -- \
        "$BERTH_SOURCE/tests/lib/enter_root" "$MATRIX_FOLDER/root" "$scratch/overlay" \
        "$BERTH_SOURCE:/berth/source:ro" "$scratch/build:/berth/build" "$scratch/place:/berth/place" "$scratch/home:/home" \
        "$scratch/hosts:/etc/hosts:ro" \
        "$MATRIX_FOLDER/ccache:/berth/ccache" "$scratch/results:/berth/results" ${BERTH_TEST_CORPUS:+"$BERTH_TEST_CORPUS:/berth/corpus:ro"} -- \
        env -i PATH="$PATH" HOME=/root LC_ALL=C.UTF-8 BERTH_TESTS_IN_NAMESPACE=1 BERTH_BUILD=/berth/build CCACHE_DIR=/berth/ccache \
        BERTH_TEST_PRESET=dev BERTH_RESULTS=/berth/results BERTH_RESULTS_PREFIX="$name:" BERTH_TEST_PLACE=/berth/place \
        ${BERTH_TEST_CORPUS:+BERTH_TEST_CORPUS=/berth/corpus} \
        /berth/source/run-tests ${PATTERN:+-k "$PATTERN"} -f "${FILE_PATTERN:-$MATRIX_FILES}" slurm attacks </dev/null &
    MATRIX_PID=$!
    wait "$MATRIX_PID" || status=$?
    unset MATRIX_PID
    matrix_settle "$name" "$scratch" "$status"
}

# matrix_close: ends a run that is still there: with unshare its pid namespace goes, and with that all in it.
matrix_close() {
    local scratch
    [[ -n ${MATRIX_PID:-} ]] || return 0
    kill -KILL "$MATRIX_PID" 2>/dev/null || true
    wait "$MATRIX_PID" 2>/dev/null || true
    for scratch in "$BERTH_TEST_ROOT"/matrix-*; do matrix_cgroups "$scratch"; done
}

# matrix_cgroups SCRATCH: those that Slurm made there.
matrix_cgroups() {
    local node
    for node in "$1"/place/*/cluster*/private/node; do
        [[ ! -e $node ]] || cluster_remove_cgroups "$(<"$node")"
    done
}

# matrix_settle NAME SCRATCH STATUS: counts its results as ours, and tidies up. A run that fails without a failing test, or
# that ran nothing, must not pass for a good one.
matrix_settle() {
    cat "$2/results" >>"$BERTH_RESULTS"
    if (($3)) && ! grep -q ^fail "$2/results"; then
        result_record fail "$1:all" 0 "the run ended with status $3; see the output above"
    fi
    matrix_cgroups "$2"
    rm -rf --one-file-system "$2"
}
