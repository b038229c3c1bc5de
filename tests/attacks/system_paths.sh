# shellcheck shell=bash disable=SC2016
# Binds over what everybody believes: /proc, /sys, /dev, the accounts, the image's own scripts, and through links of the
# image. A weaker runtime reads its own labels and ids from the user's /proc, lets a device node of his appear in /dev, or
# follows the links on the host.

setup_file() {
    slurm_up required early-check=no
    OUTSIDE=$BERTH_TEST_ROOT/outside
    mkdir -m 0755 "$OUTSIDE"
    as_user mkdir -p fake/self/attr fake/self/fd fake/thread-self/attr fake/sys/kernel fake/env
    as_user sh -c 'cd fake && printf "CapEff:\t000001ffffffffff\nUid:\t0\t0\t0\t0\n" >self/status && mkfifo self/attr/exec self/mountinfo \
        self/uid_map fifo && ln -s /etc/shadow self/exe && ln -s ../../../../../../etc self/fd/3 && ln -s / self/root &&
        echo "root2:x:0:0::/:/bin/sh" >passwd && echo "export LD_PRELOAD=/x PATH=/nowhere" >env/00-evil.sh'
    links_image
}
teardown_file() {
    slurm_down
    rm -rf "$OUTSIDE"
}

# Every kind of link that leaves an image when it is followed on the host.
links_image() {
    local root=$FILE_TMP/links
    cp -a "$FIXTURES/demo" "$root"
    mkdir -p "$root/l/deep/er"
    ln -s "$OUTSIDE" "$root/l/absolute"
    ln -s "../../../../../../../../..$OUTSIDE" "$root/l/deep/er/relative"
    ln -s /proc/self/root/etc "$root/l/self"
    ln -s /proc/1/root/etc "$root/l/one"
    ln -s /proc/self/cwd "$root/l/cwd"
    ln -s /proc/self/fd/3 "$root/l/fd"
    ln -s deep/er/relative "$root/l/chain"
    LINKS=$TEST_HOME/links.sif
    build_image "$LINKS" "$root"
    chown "$TEST_USER:" "$LINKS"
}

# no_more_than_a_user WHAT ARGUMENT…: the step does not start, or has the user's ids and no power.
no_more_than_a_user() {
    local what=$1
    capture as_user timeout 30 srun --quiet "${@:2}" /bin/probe ids
    [[ $CAPTURED_STATUS -ne 124 ]] || fail "$what: hangs"
    if [[ -n $CAPTURED_OUT ]]; then
        check_match "^uids: $TEST_UID $TEST_UID $TEST_UID"$'\n'"gids: $TEST_GID $TEST_GID $TEST_GID\$" "$CAPTURED_OUT" "$what"
        check_output 'setuid: no (EPERM)' as_user srun --quiet "${@:2}" /bin/probe setuid
        check_output 'mount: no (EPERM)' as_user srun --quiet "${@:2}" /bin/probe mount /etc
    fi
}

test_a_proc_of_the_users() {
    local destination
    for destination in /proc /proc/self /proc/sys /sys /dev /dev/pts /dev/shm; do
        no_more_than_a_user "$destination" --container="$DEMO" --container-bind="$TEST_HOME/fake:$destination"
    done
    no_more_than_a_user "home at /proc" --container="$DEMO" --container-home="$TEST_HOME/fake:/proc"
    no_more_than_a_user "started in it" --container="$DEMO" --container-bind="$TEST_HOME/fake:/proc" --container-pwd=/proc/self/fd/3
    check_clean
}

test_accounts_and_the_images_scripts() {
    local destination sums
    sums=$(sha256sum /etc/passwd /etc/group /etc/hosts)
    for destination in /etc/passwd /etc/group /etc/resolv.conf /bin/sh /bin/probe; do
        no_more_than_a_user "$destination" --container="$DEMO" --container-bind="$TEST_HOME/fake/passwd:$destination"
        no_more_than_a_user "fifo at $destination" --container="$DEMO" --container-bind="$TEST_HOME/fake/fifo:$destination"
    done
    no_more_than_a_user scripts --container="$DEMO" --container-bind="$TEST_HOME/fake/env:/.singularity.d/env"
    no_more_than_a_user .singularity.d --container="$DEMO" --container-bind="$TEST_HOME/fake:/.singularity.d"
    check_equal "$sums" "$(sha256sum /etc/passwd /etc/group /etc/hosts)" "the host's files"
    check_clean
}

test_the_root_itself() {
    local destination
    for destination in / // /. /.. /../.. /etc/.. /no/../..; do
        check_refused 'root cannot be covered' step "$DEMO" --container-bind="$TEST_HOME:$destination" true
        check_refused 'root cannot be covered' step "$DEMO" --container-home="$TEST_HOME:$destination" true
    done
    check_clean
}

test_links_of_the_image() {
    local link before
    before=$(stat -c '%n %Y %Z' /etc /etc/passwd "$OUTSIDE" /)
    for link in absolute deep/er/relative self one cwd fd chain; do
        no_more_than_a_user "$link" --container="$LINKS" --container-bind="$TEST_HOME/fake:/l/$link,$TEST_HOME/fake/passwd:/l/$link/new"
        no_more_than_a_user "home at $link" --container="$LINKS" --container-home="$TEST_HOME/fake:/l/$link/deep/new"
        capture step "$LINKS" --quiet --container-pwd="/l/$link" sh -c 'echo evil >evil; cat ../etc/os-release ../../../../etc/os-release'
        check_no_match "$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release)" "$CAPTURED_OUT" "seen from $link"
    done
    check_equal "" "$(ls -A "$OUTSIDE")" "folder outside"
    check test ! -e /etc/new -a ! -e /etc/evil -a ! -e /evil -a ! -e /etc/deep
    check_equal "$before" "$(stat -c '%n %Y %Z' /etc /etc/passwd "$OUTSIDE" /)" "times on the host"
    check_clean
}

# Where root's helpers look, the image has what is no file, or one without an end.
test_odd_files_of_the_image() {
    local odd root=$FILE_TMP/odd
    cp -a "$FIXTURES/demo" "$root"
    rm -rf "${root:?}/bin"
    mkdir "$root/bin"
    cp -a "$FIXTURES"/demo/bin/{busybox,probe,sh,head} "$root/bin"
    mv "$root" "$root.plain"
    for odd in 'mkfifo etc/passwd etc/group' 'mkdir etc/passwd etc/group' 'ln -s /etc/shadow etc/passwd' 'ln -s /proc/1/environ etc/group' \
        'ln -s passwd etc/passwd' 'ln -s ../../../../../../../../etc/shadow etc/group' 'ln -s /dev/zero etc/passwd' 'truncate -s 3G etc/passwd' \
        'rm -r etc' 'rm -r etc; ln -s /proc/self/root/etc etc' 'mkfifo .singularity.d/env/00.sh' 'mkdir .singularity.d/env/00.sh' \
        'ln -s /dev/zero .singularity.d/env/00.sh' 'ln -s /etc/shadow .singularity.d/env/00.sh' 'truncate -s 2G .singularity.d/env/00.sh' \
        'touch .singularity.d/env/{100..200}.sh' 'rm -r .singularity.d; ln -s /proc/self/root .singularity.d' 'mkdir -p proc/self/fd'; do
        rm -rf "$root"
        cp -a "$root.plain" "$root"
        (cd "$root" && rm -f etc/passwd etc/group && eval "$odd")
        rm -f "$TEST_HOME/odd.sif"
        build_image "$TEST_HOME/odd.sif" "$root"
        chown "$TEST_USER:" "$TEST_HOME/odd.sif"
        capture as_user timeout 30 srun --quiet --container="$TEST_HOME/odd.sif" /bin/sh -c '/bin/probe ids; exec head -c 100000 /etc/passwd /etc/shadow'
        check test "$CAPTURED_STATUS" -ne 124
        [[ $CAPTURED_OUT == '' ]] || check_match "^uids: $TEST_UID $TEST_UID $TEST_UID"$'\n'"gids: $TEST_GID $TEST_GID $TEST_GID" "$CAPTURED_OUT" "$odd"
        check_no_match 'root:[^x]' "$CAPTURED_OUT" "$odd"
    done
    check_clean
}
