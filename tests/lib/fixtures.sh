# shellcheck shell=bash
# What the tests of images share: the images, made once a run, and small helpers. Sourced after images.sh.
#
#   DEMO        the test user's own image: only a FUSE server may read it under Slurm
#   ROOT_DEMO   the same bytes on a path that only root can change: the kernel may mount it
#   OTHER       another image of the user's, which says NAME="Other"
#   HOSTILE     an image that root packed with what an attacker would put there
# In each, /bin/probe is lib/probe.c, and /etc/os-release tells which image it is.

fixtures_create() {
    export FIXTURES=$BERTH_TEST_ROOT/images
    export DEMO=$TEST_HOME/demo.sif ROOT_DEMO=$FIXTURES/demo.sif OTHER=$TEST_HOME/other.sif HOSTILE=$TEST_HOME/hostile.sif
    [[ ! -e $FIXTURES ]] || return 0
    mkdir -m 0755 "$FIXTURES"
    quiet "$FIXTURES/probe.log" gcc -std=c17 -O1 -static -o "$FIXTURES/probe" "$BERTH_SOURCE/tests/lib/probe.c"
    demo_folder "$FIXTURES/demo"
    install -m 0755 "$FIXTURES/probe" "$FIXTURES/demo/bin/probe"
    fixtures_pack demo "$DEMO"
    install -m 0644 "$DEMO" "$ROOT_DEMO"
    fixtures_other
    fixtures_hostile
}

# fixtures_tidy: what the file of tests before left in the user's home and beside it is not the next one's.
fixtures_tidy() {
    find "$TEST_HOME" -mindepth 1 -maxdepth 1 ! -name demo.sif ! -name other.sif ! -name hostile.sif -exec rm -rf {} +
    rm -rf "$BERTH_TEST_ROOT/outside"
}

fixtures_pack() {
    build_image "$2" "$FIXTURES/$1"
    chown "$TEST_USER:" "$2"
}

fixtures_other() {
    cp -a "$FIXTURES/demo" "$FIXTURES/other"
    sed -i 's/NAME=.*/NAME="Other"/' "$FIXTURES/other/etc/os-release"
    fixtures_pack other "$OTHER"
}

# Setuid and capability files, device nodes, and links that lead out of the image when they are followed on the host.
fixtures_hostile() {
    local root=$FIXTURES/hostile
    cp -a "$FIXTURES/demo" "$root"
    sed -i 's/NAME=.*/NAME="Hostile"/' "$root/etc/os-release"
    mkdir "$root/hostile"
    install -m 6755 "$FIXTURES/probe" "$root/hostile/setuid"
    install -m 0755 "$FIXTURES/probe" "$root/hostile/capable"
    setcap cap_setuid,cap_sys_admin+ep "$root/hostile/capable" 2>/dev/null || true
    mknod -m 0666 "$root/hostile/null" c 1 3 2>/dev/null || true
    ln -s ../../../../../../../../../../etc "$root/hostile/up"
    ln -s "$BERTH_TEST_ROOT/outside" "$root/hostile/absolute"
    ln -s /proc/1/root "$root/hostile/magic"
    ln -s loop "$root/hostile/loop"
    fixtures_pack hostile "$HOSTILE"
}

# in_image NAME COMMAND…: the command, with "grep ^NAME= /etc/os-release" after it, runs in the image of that name.
in_image() { check_output "NAME=\"$1\"" "${@:2}" grep ^NAME= /etc/os-release; }

# check_refused REGEX COMMAND…: ends with 255, nothing was run, and one line of Berth's tells why.
check_refused() {
    local regex=$1
    shift
    check_status 255 "$@"
    check_equal '' "$CAPTURED_OUT" "stdout of: $*"
    check_equal 1 "$(grep -c 'berth: ' <<<"$CAPTURED_ERR" || true)" "lines of Berth's in: $CAPTURED_ERR; count"
    check_match "$regex" "$(grep 'berth: ' <<<"$CAPTURED_ERR")" "message"
}
