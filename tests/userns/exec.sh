# shellcheck shell=bash disable=SC2016
# berth exec, run and shell without privilege: what users of other runtimes rely on.

skip_file() { no_userns_reason; }
setup_file() {
    fixtures_create
    LEAKS_BEFORE=$(leaks_state)
    mkdir -p "$TEST_HOME/data/sub"
    echo outside >"$TEST_HOME/data/file"
    echo below >"$TEST_HOME/data/sub/file"
    chown -R "$TEST_USER:" "$TEST_HOME/data"
}

run() { as_user berth exec "$DEMO" "$@"; }
D() { printf '%s' "$TEST_HOME/data"; }

test_status_passes_through() {
    local code
    for code in 0 1 134; do check_status $code run sh -c "exit $code"; done
    check_status 0 run true
    check_status 1 run false
}

test_signals_become_status() {
    check_status 137 as_user sh -c "berth exec $DEMO sh -c 'kill -KILL \$\$'; exit \$?"
    check_status 134 as_user sh -c "berth exec $DEMO sh -c 'kill -ABRT \$\$'; exit \$?"
}

test_usage() {
    check_fails_with 1 'COMMAND' as_user berth exec "$DEMO"
    check_fails_with 1 'IMAGE' as_user berth exec
    check_fails_with 1 'IMAGE' as_user berth run
    check_refused 'unknown option --no-such-option' as_user berth exec --no-such-option "$DEMO" true
}

test_a_missing_command() {
    check_status 255 run no-such-command
    check_status 127 as_user berth shell "$DEMO" -c no-such-command
}

test_the_root_is_the_image() {
    in_image "Berth demo" run
    check_equal "" "$(run find / -xdev -maxdepth 1 -name 'lib*')"
}

test_run_and_shell() {
    check_output "runscript: hello from the image; arguments: one two words" as_user berth run "$DEMO" one "two words"
    check_equal "in Berth demo" "$(echo '. /etc/os-release; echo "in $NAME"' | as_user berth shell "$DEMO")"
    check_status 7 as_user berth shell "$DEMO" -c 'exit 7'
}

test_run_without_a_runscript() {
    cp -a "$FIXTURES/demo" "$FILE_TMP/norun"
    rm "$FILE_TMP/norun/.singularity.d/runscript"
    build_image "$TEST_HOME/norun.sif" "$FILE_TMP/norun"
    chmod a+r "$TEST_HOME/norun.sif"
    check_fails_with 255 runscript as_user berth run "$TEST_HOME/norun.sif"
}

# Nothing in an image may be required.
test_an_image_without_a_shell() {
    mkdir -p "$FILE_TMP/bare"
    cp "$FIXTURES/probe" "$FILE_TMP/bare/probe"
    build_image "$TEST_HOME/bare.sif" "$FILE_TMP/bare"
    chmod a+r "$TEST_HOME/bare.sif"
    check_output "uids: $TEST_UID $TEST_UID $TEST_UID"$'\n'"gids: $TEST_GID $TEST_GID $TEST_GID" \
        as_user berth exec "$TEST_HOME/bare.sif" /probe ids
    check_output "" as_user berth exec "$TEST_HOME/bare.sif" /probe descriptors
}

test_who_runs() {
    check_output "$TEST_UID" run id -u
    check_output "$TEST_GID" run id -g
    check_output "$TEST_USER" run id -un
}

test_standard_streams() {
    check_equal through "$(printf through | run cat)"
    check_equal "on stderr" "$(run sh -c 'echo on stderr >&2' 2>&1 >/dev/null)"
    check_equal 1000000 "$(run head -c 1000000 /dev/zero | wc -c)"
}

test_only_the_standard_descriptors() {
    check_output "" run probe descriptors
    check_output "" as_user sh -c "exec 5</etc/passwd 9>/dev/null; berth exec $DEMO probe descriptors"
    check_output "" as_user berth exec --bind "$(D):/mnt" "$DEMO" probe descriptors
}

test_closed_standard_descriptors() {
    check_status 0 as_user sh -c "berth exec $DEMO true <&- >&- 2>&-"
    check_output "still here" as_user sh -c "berth exec $DEMO echo still here <&-"
}

test_no_privilege_is_left() {
    capture run grep -E '^(Cap|NoNewPrivs)' /proc/self/status
    check_equal "0000000000000000" "$(awk '/^Cap/ {print $2}' <<<"$CAPTURED_OUT" | sort -u)" "all capability sets"
    check_match $'NoNewPrivs:\t1' "$CAPTURED_OUT"
}

test_hostile_files_in_the_image() {
    check_match "^uids: $TEST_UID $TEST_UID $TEST_UID" "$(as_user berth exec "$HOSTILE" /hostile/setuid ids)"
    check_match 'setuid: no' "$(as_user berth exec "$HOSTILE" /hostile/capable setuid)"
    check_match 'read: no' "$(as_user berth exec "$HOSTILE" probe read /hostile/null)"
}

test_working_directory() {
    check_output "$TEST_HOME" run pwd
    check_output "$TEST_HOME/data/sub" as_user sh -c "cd data/sub && berth exec $DEMO pwd"
    check_output /etc as_user berth exec --pwd /etc "$DEMO" pwd
    check_fails_with 255 /missing as_user berth exec --pwd /missing "$DEMO" true
}

test_a_working_directory_that_is_gone() {
    capture as_user sh -c "mkdir gone && cd gone && rmdir ../gone && berth exec $DEMO true"
    [[ $CAPTURED_STATUS -eq 0 || $CAPTURED_STATUS -eq 255 ]] || fail "status $CAPTURED_STATUS: $CAPTURED_ERR"
}

test_umask_is_the_callers() { check_output 0027 as_user sh -c "umask 027; berth exec $DEMO sh -c umask"; }

test_home_and_tmp() {
    local file=/tmp/berth-test-$$
    check_status 0 run sh -c 'echo yes >written'
    check_equal "$TEST_USER" "$(stat -c %U "$TEST_HOME/written")"
    check_status 0 run touch "$file"
    check test -e "$file"
    rm -f "$file"
    check_match 'EROFS' "$(run probe create /etc/new)"
}

test_no_home() {
    check_status 0 as_user sh -c "cd / && berth exec --no-home $DEMO test ! -e $DEMO"
    check_output outside as_user berth exec --home "$(D):/home/guest" "$DEMO" cat /home/guest/file
    check_output /home/guest as_user berth exec --home "$(D):/home/guest" "$DEMO" sh -c 'echo $HOME'
}

test_contain() {
    touch "/tmp/berth-test-c$$"
    check_status 0 as_user berth exec --contain "$DEMO" test ! -e "/tmp/berth-test-c$$" -a ! -e "$DEMO"
    rm -f "/tmp/berth-test-c$$"
    check_status 0 as_user berth exec --contain "$DEMO" touch "$TEST_HOME/new" /tmp/new /var/tmp/new
    check test ! -e "$TEST_HOME/new"
}

test_binds() {
    check_output outside as_user berth exec --bind "$(D):/mnt" "$DEMO" cat /mnt/file
    check_output outside as_user berth exec --bind "$(D)/file:/etc/given" "$DEMO" cat /etc/given
    check_output outside as_user berth exec --bind "$(D):/a/b/c" "$DEMO" cat /a/b/c/file
    check_output $'outside\nbelow' as_user berth exec --bind "$(D):/mnt" --bind "$(D)/sub:/mnt/sub" "$DEMO" \
        cat /mnt/file /mnt/sub/file
    check_match EROFS "$(as_user berth exec --bind "$(D):/mnt:ro" "$DEMO" probe create /mnt/x)"
    check_match yes "$(as_user berth exec --bind "$(D):/mnt" "$DEMO" probe create /mnt/x)"
}

test_bad_binds() {
    check_refused no-such as_user berth exec --bind "$(D)/no-such:/mnt" "$DEMO" true
    check_refused absolute as_user berth exec --bind "$(D):mnt" "$DEMO" true
    check_refused wr as_user berth exec --bind "$(D):/mnt:wr" "$DEMO" true
}

test_binds_over_links_that_lead_out() {
    local destination
    install -d -m 0777 "$BERTH_TEST_ROOT/outside"
    for destination in /hostile/up/new /hostile/absolute /hostile/absolute/x /hostile/magic/etc/new /hostile/loop; do
        capture as_user berth exec --bind "$(D):$destination" "$HOSTILE" true
        [[ $CAPTURED_STATUS -eq 0 || $CAPTURED_STATUS -eq 255 ]] || fail "$destination: status $CAPTURED_STATUS"
    done
    check_equal "" "$(ls -A "$BERTH_TEST_ROOT/outside")"
    check_output outside as_user berth exec --bind "$(D)/file:/hostile/up/os-release" "$HOSTILE" cat /etc/os-release
}

test_environment() {
    local prefix
    check_output "hello from the image" run sh -c 'echo "$DEMO_GREETING"'
    check_output "hello from the image" as_user env DEMO_GREETING=host berth exec "$DEMO" sh -c 'echo "$DEMO_GREETING"'
    for prefix in BERTHENV APPTAINERENV SINGULARITYENV; do
        check_output mine as_user env ${prefix}_DEMO_GREETING=mine berth exec "$DEMO" sh -c 'echo "$DEMO_GREETING"'
    done
    check_output flag as_user env BERTHENV_DEMO_GREETING=mine berth exec --env DEMO_GREETING=flag "$DEMO" \
        sh -c 'echo "$DEMO_GREETING"'
    check_output here as_user env FOREIGN=here berth exec "$DEMO" sh -c 'echo "$FOREIGN"'
    check_output "" as_user env FOREIGN=here berth exec --cleanenv "$DEMO" sh -c 'echo "$FOREIGN"'
}

test_path_variables() {
    check_match '^/first:' "$(as_user env BERTHENV_PREPEND_PATH=/first berth exec "$DEMO" sh -c 'echo $PATH')"
    check_match ':/last$' "$(as_user env BERTHENV_APPEND_PATH=/last berth exec "$DEMO" sh -c 'echo $PATH')"
    check_output /only:/bin as_user env BERTHENV_PATH=/only:/bin berth exec "$DEMO" sh -c 'echo $PATH'
}

test_odd_values_survive() {
    local value=$'two\nlines, "quotes", \\ and $x'
    check_output "$value" as_user env ODD="$value" berth exec "$DEMO" sh -c 'printf "%s\n" "$ODD"'
    check_output "$value" as_user env BERTHENV_ODD="$value" berth exec "$DEMO" sh -c 'printf "%s\n" "$ODD"'
}

test_exported_shell_functions_are_dropped() {
    check_output "" as_user env 'BASH_FUNC_f%%=() { echo x; }' berth exec "$DEMO" sh -c 'env | grep BASH_FUNC || true'
}

test_options_from_the_environment() {
    check_output /etc as_user env BERTH_PWD=/etc berth exec "$DEMO" pwd
    check_output outside as_user env BERTH_BIND="$(D):/mnt" berth exec "$DEMO" cat /mnt/file
}

test_explain() {
    capture as_user berth exec --explain "$DEMO" echo ran
    check_equal 0 "$CAPTURED_STATUS" "$CAPTURED_ERR"
    check_no_match '^ran' "$CAPTURED_OUT"
    check_match 'image driver +FUSE in a user namespace' "$CAPTURED_OUT"
    check_match '"plan"' "$(as_user berth exec --explain=json "$DEMO" true)"
}

test_the_servers_end() {
    check_status 0 run true
    check_equal "" "$(leaks_since "$LEAKS_BEFORE" 3)"
}

# The container ends when its first process does, whatever it has started.
test_a_process_left_in_the_background() {
    capture as_user berth exec "$DEMO" sh -c 'sleep 2 >/dev/null 2>&1 & echo started'
    check_equal started "$CAPTURED_OUT"
    check_equal "" "$(leaks_since "$LEAKS_BEFORE" 5)"
}

test_killed_at_many_moments() {
    local i
    for ((i = 0; i < 20; ++i)); do
        (become_user berth exec "$DEMO" sleep 0.3) >/dev/null 2>&1 &
        sleep "0.$(printf '%03d' $((i * 4)))"
        kill -KILL $! 2>/dev/null || true
        wait $! 2>/dev/null || true
    done
    check_equal "" "$(leaks_since "$LEAKS_BEFORE" 5)"
}

test_many_at_once() {
    local i pids=()
    for i in {1..20}; do
        as_user berth exec "$DEMO" sh -c '. /etc/os-release; sleep 0.2; echo $NAME' >"$TEST_TMP/$i" 2>&1 &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i"; done
    check_equal "Berth demo" "$(sort -u "$TEST_TMP"/[0-9]*)"
}

test_another_configuration_is_for_root() {
    check_fails_with 255 'root' as_user berth exec --config "$TEST_HOME/berth.conf" "$DEMO" true
}

test_folder_and_bare_squashfs() {
    cp -a "$FIXTURES/other" "$TEST_HOME/folder"
    chown -R -h "$TEST_USER:" "$TEST_HOME/folder"
    in_image Other as_user berth exec folder
    quiet "$FILE_TMP/log" mksquashfs "$FIXTURES/other" "$TEST_HOME/other.sqfs" -noappend
    chmod a+r "$TEST_HOME/other.sqfs"
    in_image Other as_user berth exec other.sqfs
}

test_compressions() {
    local kind
    for kind in gzip xz lz4 lzo zstd; do
        quiet "$FILE_TMP/log" mksquashfs "$FIXTURES/other" "$TEST_HOME/$kind.sqfs" -noappend -comp "$kind"
        chmod a+r "$TEST_HOME/$kind.sqfs"
        in_image Other as_user berth exec "$kind.sqfs"
        rm "$TEST_HOME/$kind.sqfs"
    done
}

test_inside_a_user_namespace() {
    capture as_user unshare --user --map-root-user --mount "$BERTH_PREFIX/bin/berth" exec "$DEMO" grep ^NAME= /etc/os-release
    [[ $CAPTURED_STATUS -eq 0 || $CAPTURED_STATUS -eq 255 ]] || fail "status $CAPTURED_STATUS: $CAPTURED_ERR"
    if [[ $CAPTURED_STATUS -eq 0 ]]; then check_equal 'NAME="Berth demo"' "$CAPTURED_OUT"; fi
}

test_a_container_in_a_container() {
    capture as_user berth exec --bind "$BERTH_PREFIX" --bind /lib --bind /lib64 --bind /usr/lib "$DEMO" \
        "$BERTH_PREFIX/bin/berth" exec "$OTHER" grep ^NAME= /etc/os-release
    [[ $CAPTURED_STATUS -eq 0 || $CAPTURED_STATUS -eq 255 ]] || fail "status $CAPTURED_STATUS: $CAPTURED_ERR"
}

test_the_corpus_image() {
    need_corpus
    install -m 0644 "$BERTH_TEST_CORPUS/busybox_amd64.sif" "$TEST_HOME/corpus.sif"
    check_output "$TEST_UID" as_user berth exec corpus.sif id -u
}

test_a_caller_that_ignores_its_children() {
    check_output ran as_user bash -c "trap '' CHLD; exec berth exec $DEMO echo ran"
}

test_the_command_finds_no_child_that_it_did_not_make() {
    check_output 'children: no (ECHILD)' as_user berth exec "$DEMO" probe children
}
