# shellcheck shell=bash disable=SC2016
# A runtime that lets the user near the control groups of its step lets him raise what they limit, or have root write where he
# likes: files are named by what a user wrote, and values are his text.

setup_file() {
    slurm_up required
    LIMITS=$TEST_HOME/attack.toml
}
before_each() {
    LEAKS_BEFORE=$(leaks_state)
    site_limits
}
teardown_file() {
    site_limits
    rm -f "$LIMITS"
    slurm_down
}

needs_cgroups() { [[ $CLUSTER_PROCTRACK == cgroup ]] || skip "Slurm can have no control groups here"; }

# Inside, the user looks for every file of his step's cgroups that he could write.
test_raising_ones_own_limit() {
    needs_cgroups
    site_limits '[memory]' 'limit = 67108864'
    check_output 'looked none' step "$DEMO" sh -c '
        for file in $(find /sys/fs/cgroup -path "*/step_*" \( -name "memory.*limit_in_bytes" -o -name "memory.max" -o -name devices.allow -o -name cgroup.procs -o -name tasks \) 2>/dev/null); do
            [ -n "$looked" ] || { looked=1; printf "looked "; }
            case $file in */memory.*) value=-1 ;; */devices.allow) value=a ;; *) value=$$ ;; esac
            if { echo $value >"$file"; } 2>/dev/null; then echo "wrote $file"; fi
        done
        echo none'
    check_output none step "$DEMO" sh -c '
        grep -E " cgroup2? " /proc/self/mounts | while read -r _ place _; do mkdir "$place/mine" 2>/dev/null && echo "made $place/mine"; done
        echo none'
    check_clean
}

# What a file names is never a path, and a value never more than a value.
test_files_that_name_other_files() {
    local line
    for line in '"../../../../etc/passwd" = "x"' '"memory.max/../../x" = "1"' '"cgroup.procs" = "1"' '"cgroup.subtree_control" = "+pids"' \
        '"memory.high" = "1\n2"' '"/etc/passwd" = "x"' '"" = "1"' '"devices.allow" = "a"'; do
        limits_file "$LIMITS" '[unified]' "$line"
        check_refused 'attack.toml:2' step "$DEMO" --container-apply-cgroups="$LIMITS" true
    done
    limits_file "$LIMITS" '[[hugepageLimits]]' 'pageSize = "../../x"' 'limit = 1'
    check_refused 'attack.toml:' step "$DEMO" --container-apply-cgroups="$LIMITS" true
    limits_file "$LIMITS" '[rdma."../../x"]' 'hcaHandles = 1'
    check_refused 'attack.toml:' step "$DEMO" --container-apply-cgroups="$LIMITS" true
    limits_file "$LIMITS" '[cpu]' 'cpus = "0-99999999999"'
    check_refused 'attack.toml:2' step "$DEMO" --container-apply-cgroups="$LIMITS" true
    check_clean
}

# The file is the user's to read, and bounded; nothing of it is shown that he may not see.
test_files_that_are_none_of_the_users() {
    install -m 0600 /dev/stdin "$FILE_TMP/secret" <<<'secret = 1'
    capture step "$DEMO" --container-apply-cgroups="$FILE_TMP/secret" true
    check_equal 255 "$CAPTURED_STATUS"
    check_no_match 'secret = 1' "$CAPTURED_OUT$CAPTURED_ERR"
    ln -sf "$FILE_TMP/secret" "$LIMITS"
    check_refused 'Permission denied' step "$DEMO" --container-apply-cgroups="$LIMITS" true
    rm -f "$LIMITS"
    as_user sh -c "head -c 70000 /dev/zero | tr '\0' '#' >'$LIMITS'"
    check_refused 'attack.toml' step "$DEMO" --container-apply-cgroups="$LIMITS" true
    check_refused 'zero' step "$DEMO" --container-apply-cgroups=/dev/zero true
    check_refused 'environ|mem|denied|file' step "$DEMO" --container-apply-cgroups=/proc/1/environ true
    check_clean
}

# A device that Slurm denies stays denied, whatever a file allows.
test_rules_that_allow_more() {
    needs_cgroups
    limits_file "$LIMITS" '[[devices]]' 'allow = false' 'type = "c"' 'major = 1' 'minor = 5' 'access = "rwm"'
    site_limits "$(cat "$LIMITS")"
    limits_file "$LIMITS" '[[devices]]' 'allow = true' 'type = "a"' 'access = "rwm"'
    check_fails_with 1 'Operation not permitted' step "$DEMO" --container-apply-cgroups="$LIMITS" head -c 1 /dev/zero
    check_clean
}

test_values_that_are_none() {
    local value
    for value in '' 0 -5 1e9 0x10 99999999999999999999 $'1\n2' 'max' "$(head -c 100000 /dev/zero | tr '\0' 9)"; do
        check_refused 'memory' step "$DEMO" --container-memory="$value" true
    done
    check_clean
}
