# shellcheck shell=bash disable=SC2016
# Programs that CDI specifications have run before a container begins: only those that the site allows, as the caller.

setup_file() {
    fixtures_create
    fuse_for_user
    hooks_up
}
teardown_file() {
    hooks_down
    fuse_as_before
}

with_hook() { "$1" berth exec --cdi made-up.org/hooks=all "$DEMO" "${@:2}"; }
as_root() { (cd / && env PATH="$BERTH_PREFIX/bin:$PATH" "$@"); }

test_what_it_has() {
    local who says to=$HOOK_SAYS
    for who in as_user as_root; do
        [[ $who == as_user ]] || to=$BERTH_TEST_ROOT/hooks/says  # without capabilities root may not write to the user's
        hook_is <<SH
{
    echo "ids \$(id -u):\$(id -g)"
    grep -E '^(Cap[A-Z]|NoNewPrivs|NSpid)' /proc/self/status
    echo "environment \$(env | grep -v ^PWD= | xargs)"
    echo "arguments \$#: \$1"
    echo "open \$(ls /proc/self/fd | xargs)"
    echo "folder \$(pwd)"
    cat
    echo
    cat config.json
    echo
    cat rootfs/etc/os-release
    echo x 2>/dev/null >rootfs/etc/os-release || echo "the image is read-only"
} >$to
SH
        check_output ok with_hook "$who" echo ok
        says=$(cat "$to")
        check_match "ids $([[ $who == as_user ]] && echo "$TEST_UID:" || echo 0:0)" "$says"
        check_no_match 'Cap(Inh|Prm|Eff|Bnd|Amb):'$'\t''0*[1-9a-f]' "$says"
        check_match 'NoNewPrivs:'$'\t''1' "$says"
        check_match $'\nenvironment GIVEN=yes\n' "$says"
        check_match $'\narguments 1: an argument\n' "$says"
        check_match $'\nopen 0 1 2 3\n' "$says"  # the last is that of ls
        check_match "folder $BERTH_PREFIX/libexec/berth/bundle" "$says"
        check_match "\"status\":\"created\",\"pid\":[0-9]+,\"bundle\":\"$BERTH_PREFIX/libexec/berth/bundle\"" "$says"
        check_match "\"root\":\{\"path\":\"$BERTH_PREFIX/libexec/berth/bundle/rootfs\"" "$says"
        check_match 'NAME="Berth demo' "$says"
        check_match 'the image is read-only' "$says"
        check_equal '' "$(ls -A "$BERTH_PREFIX/libexec/berth/bundle")" "left in the bundle's folder"
    done
}

test_its_answer_decides() {
    hook_is <<<'echo "no licence is left" >&2; exit 3'
    check_refused "the hook $HOOK of a CDI device failed with status 3; it printed: no licence is left" with_hook as_user true
    hook_is <<<'kill -SEGV $$'
    check_refused 'failed with status 139' with_hook as_user true
    hook_is timeout=1 <<<'echo waiting; sleep 100'
    check_refused 'failed: it took longer than 1 s; it printed: waiting' with_hook as_user true
    hook_is <<<'exec cat /dev/zero'
    check_refused 'failed with status' with_hook as_user true
    printf '#!/no/such/interpreter\n' >"$HOOK"
    check_refused 'failed: cannot be executed: No such file' with_hook as_user true
}

test_nothing_of_it_is_left() {
    hook_is <<<'setsid sleep 7654 >/dev/null 2>&1 & sleep 0.1; kill -0 $!'
    check_output ok with_hook as_user echo ok
    check_equal '' "$(pgrep -f 'sleep 7654' || true)" 'a process of the hook'
    check_no_match libexec/berth/bundle "$(cat /proc/self/mounts)"
    check_no_match libexec/berth/bundle "$(with_hook as_user cat /proc/self/mounts)"
}

test_what_is_not_run() {
    hook_is <<<'exit 0'
    chmod 0775 "$HOOK"
    check_refused 'made-up-hook.*others than root' with_hook as_user true
    chmod 0755 "$HOOK"
    chown "$TEST_USER:" "$HOOK"
    check_refused 'made-up-hook.*root' with_hook as_user true
    chown root: "$HOOK"
    check_output ok with_hook as_user echo ok
    local when
    for when in startContainer poststart poststop; do
        hook_is when=$when <<<'exit 0'
        check_refused 'only hooks that run before the container begins' with_hook as_user true
    done
    hook_is <<<'exit 0'
    configure_release 'allow cdi hook' /usr/bin/true
    check_refused "this node does not allow the hook $HOOK" with_hook as_user true
    configure_release 'allow cdi hook' "$HOOK"
    check_match "run the hook $HOOK \(createContainer\) as the caller, for at most 5 s" "$(as_user berth exec --explain --cdi made-up.org/hooks=all "$DEMO" true)"
}

# What is mounted over the host's root until the container is made: a weaker runtime has every ".." that reaches "/" lead
# there, and the image's code run on the host.
test_the_image_is_not_above_the_root() {
    local who
    ln -s ../../../../../../../../../../bin/probe "$BERTH_TEST_ROOT/hooks/link"
    for who in as_user as_root; do
        hook_is <<<"for path in /../bin/probe $BERTH_TEST_ROOT/hooks/link; do [ ! -e \$path ] || { echo \$path is the image\'s; exit 1; }; done; ls rootfs/bin/probe"
        check_output ok with_hook "$who" echo ok
    done
    rm "$BERTH_TEST_ROOT/hooks/link"
}

# Root owns the host's files, with capabilities or without: a link of the image's to one of them is not followed for him.
test_links_of_the_image() {
    cp -a "$FIXTURES/demo" "$FILE_TMP/linked"
    ln -sf "$BERTH_TEST_ROOT/hooks/taken" "$FILE_TMP/linked/etc/motd"
    hook_is <<<"ls -l rootfs/etc/motd >$BERTH_TEST_ROOT/hooks/saw; echo taken >rootfs/etc/motd; exit 0"
    check_status 0 as_root berth exec --cdi made-up.org/hooks=all "$FILE_TMP/linked" true
    check_match "hooks/taken" "$(cat "$BERTH_TEST_ROOT/hooks/saw")"
    [[ ! -e $BERTH_TEST_ROOT/hooks/taken ]] || fail 'root wrote through a link of the image'
    rm -rf "$FILE_TMP/linked"
}

# A device gives nobody a group.
test_groups() {
    hook_is gid="$(as_user id -g)" <<<'exit 0'
    check_output ok with_hook as_user echo ok
    hook_is gid=54321 <<<'exit 0'
    check_refused 'a device needs the group 54321, which you are not in' with_hook as_user true
}
