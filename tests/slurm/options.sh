# shellcheck shell=bash disable=SC2016
# The options beside --container.

setup_file() {
    slurm_up required
    mkdir -p "$TEST_HOME/data/sub"
    echo outside >"$TEST_HOME/data/file"
    echo below >"$TEST_HOME/data/sub/file"
    chown -R "$TEST_USER:" "$TEST_HOME/data"
}
teardown_file() { slurm_down; }

D() { printf '%s' "$TEST_HOME/data"; }

test_image_by_the_other_name() {
    in_image "Berth demo" as_user srun --container-image="$DEMO"
}

test_none_is_no_container() {
    check_output "$(readlink /proc/self/ns/mnt)" as_user srun --container=none readlink /proc/self/ns/mnt
    check_output "$(readlink /proc/self/ns/mnt)" as_user srun --container-image=none readlink /proc/self/ns/mnt
}

test_bind_a_folder() {
    check_output outside step "$DEMO" --container-bind="$(D):/mnt" cat /mnt/file
    check_status 0 step "$DEMO" --container-bind="$(D):/mnt" touch /mnt/new
    check test -e "$(D)/new"
}

test_bind_read_only() {
    check_output "create: no (EROFS)" step "$DEMO" --container-bind="$(D):/mnt:ro" probe create /mnt/newer
    check_output "create: no (EROFS)" step "$DEMO" --container-bind="$(D):/mnt:ro" probe create /mnt/sub/newer
}

test_bind_a_file() {
    check_output outside step "$DEMO" --container-bind="$(D)/file:/etc/given" cat /etc/given
    check_output outside step "$DEMO" --container-bind="$(D)/file:/etc/os-release" cat /etc/os-release
}

test_bind_makes_missing_destinations() {
    check_output outside step "$DEMO" --container-bind="$(D):/a/b/c/d" cat /a/b/c/d/file
    check_status 0 step "$DEMO" --container-bind="$(D):/usr/bin/x" test -d /bin
}

test_several_binds_and_nested_ones() {
    check_output $'outside\nbelow\noutside' step "$DEMO" \
        --container-bind="$(D):/mnt,$(D)/sub:/mnt/sub,$(D)/file:/etc/given" cat /mnt/file /mnt/sub/file /etc/given
}

test_bind_at_the_same_path() {
    mkdir -p "$FILE_TMP/same"
    echo same >"$FILE_TMP/same/file"
    chmod -R a+rX "$FILE_TMP"
    check_output same step "$DEMO" --container-bind="$FILE_TMP/same" cat "$FILE_TMP/same/file"
}

test_bind_escapes() {
    as_user mkdir -p 'data/a:b,c'
    echo odd >"$(D)/a:b,c/file"
    check_output odd step "$DEMO" --container-bind="$(D)/a\\:b\\,c:/mnt" cat /mnt/file
}

test_bad_binds() {
    check_refused 'no-such' step "$DEMO" --container-bind="$(D)/no-such:/mnt" true
    check_refused 'absolute' step "$DEMO" --container-bind="$(D):mnt" true
    check_refused 'wr' step "$DEMO" --container-bind="$(D):/mnt:wr" true
    check_refused 'root' step "$DEMO" --container-bind="$(D):/" true
    check_clean
}

# The source is opened as the user, not as root.
test_bind_of_what_the_user_cannot_reach() {
    mkdir -p "$FILE_TMP/secret/inner"
    chmod 0700 "$FILE_TMP/secret"
    check_refused 'secret' step "$DEMO" --container-bind="$FILE_TMP/secret/inner:/mnt" true
    check_clean
}

test_pwd() {
    check_output /etc step "$DEMO" --container-pwd=/etc pwd
    check_refused '/missing' step "$DEMO" --container-pwd=/missing true
    check_clean
}

test_no_home() {
    check_status 0 step "$DEMO" --no-container-home --chdir=/ test ! -e "$TEST_HOME/demo.sif"
}

test_home_elsewhere() {
    check_output outside step "$DEMO" --container-home="$(D):/home/guest" cat /home/guest/file
    check_output /home/guest step "$DEMO" --container-home="$(D):/home/guest" sh -c 'echo $HOME'
}

test_contain() {
    local file=/tmp/berth-test-contain-$$
    touch "$file"
    check_status 0 step "$DEMO" --container-contain test ! -e "$file" -a ! -e "$TEST_HOME/demo.sif"
    check_status 0 step "$DEMO" --container-contain touch "$TEST_HOME/new" /tmp/new /var/tmp/new
    check test ! -e "$TEST_HOME/new"
    rm -f "$file"
}

test_contain_is_per_step() {
    check_status 0 step "$DEMO" --container-contain touch /tmp/seen
    check_status 0 step "$DEMO" --container-contain test ! -e /tmp/seen
}

test_cleanenv() {
    check_output "|$TEST_HOME|0|hello from the image" as_user env FOREIGN=here srun --container="$DEMO" \
        --container-cleanenv sh -c 'echo "$FOREIGN|$HOME|$SLURM_PROCID|$DEMO_GREETING"'
    check_output "here" as_user env FOREIGN=here srun --container="$DEMO" sh -c 'echo "$FOREIGN"'
}

test_env() {
    check_output "mine" step "$DEMO" --container-env=DEMO_GREETING=mine sh -c 'echo "$DEMO_GREETING"'
    check_output "1,2|3" step "$DEMO" --container-env='A=1\,2,B=3' sh -c 'echo "$A|$B"'
    check_output "host" as_user env DEMO_GREETING=host srun --container="$DEMO" --container-env=DEMO_GREETING \
        sh -c 'echo "$DEMO_GREETING"'
    check_refused '9x' step "$DEMO" --container-env=9x=1 true
    check_clean
}

test_explain() {
    capture step "$DEMO" --container-explain sh -c 'echo ran'
    check_equal 0 "$CAPTURED_STATUS" "$CAPTURED_ERR"
    check_no_match '(^|'$'\n'')ran' "$CAPTURED_OUT$CAPTURED_ERR"
    check_match 'image driver +FUSE' "$CAPTURED_OUT$CAPTURED_ERR"
    check_match 'user bind control|mount home' "$CAPTURED_OUT$CAPTURED_ERR"
    check_clean
}

test_explain_as_json() {
    capture step "$DEMO" --container-explain=json true
    check_equal 0 "$CAPTURED_STATUS" "$CAPTURED_ERR"
    check_match '"decision"' "$CAPTURED_OUT$CAPTURED_ERR"
    check_match '"plan"' "$CAPTURED_OUT$CAPTURED_ERR"
}

test_a_misspelt_option_is_refused() {
    capture step "$DEMO" --container-bindd=/x true
    check test "$CAPTURED_STATUS" -ne 0
    check_equal "" "$CAPTURED_OUT"
}

test_a_bare_squashfs() {
    quiet "$FILE_TMP/mksquashfs.log" mksquashfs "$FIXTURES/other" "$TEST_HOME/other.sqfs" -noappend
    chown "$TEST_USER:" "$TEST_HOME/other.sqfs"
    in_image Other step "$TEST_HOME/other.sqfs"
}

test_a_folder() {
    cp -a "$FIXTURES/other" "$TEST_HOME/folder"
    chown -R -h "$TEST_USER:" "$TEST_HOME/folder"
    in_image Other step "$TEST_HOME/folder"
    check_output "create: no (EROFS)" step "$TEST_HOME/folder" probe create /etc/new
}

test_the_corpus_image() {
    need_corpus
    install -o "$TEST_USER" -m 0644 "$BERTH_TEST_CORPUS/busybox_amd64.sif" "$TEST_HOME/corpus.sif"
    check_output "$TEST_UID" step "$TEST_HOME/corpus.sif" id -u
}

test_nothing_is_left_of_all_this() { check_clean; }
