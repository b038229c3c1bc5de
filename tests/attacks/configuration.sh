# shellcheck shell=bash disable=SC2016
# berth.conf is replaced, and made wrong, while steps start and run. A weaker runtime reads it twice and decides by two
# files, or takes one that it cannot read for one that forbids nothing.

setup_file() {
    CONF=$BERTH_TEST_ROOT/changing.conf
    local name
    for name in first second; do
        mkdir -m 0755 "$BERTH_TEST_ROOT/$name"
        sed -E "s|^#? ?limit container paths *=.*|limit container paths = $BERTH_TEST_ROOT/$name|" "$BERTH_PREFIX/etc/berth/berth.conf" >"$CONF.$name"
    done
    sed -E 's|^user bind control.*|user bind contrl = no|' "$CONF.first" >"$CONF.wrong"
    sed -E 's|^(limit container paths) *=.*|\1|' "$CONF.first" >"$CONF.cut"
    cp "$CONF.first" "$CONF"
    slurm_up required "config=$CONF"
    for name in first second; do install -m 0644 "$DEMO" "$BERTH_TEST_ROOT/$name/good.sif"; done
}
teardown_file() {
    slurm_down
    rm -rf "$CONF"* "$BERTH_TEST_ROOT/first" "$BERTH_TEST_ROOT/second"
}

# use KIND: as an administrator should, by a rename.
use() {
    cp "$CONF.$1" "$CONF.new"
    mv "$CONF.new" "$CONF"
}

test_while_a_step_runs() {
    local out=$TEST_TMP/out
    use first
    in_background srun --quiet --container="$BERTH_TEST_ROOT/first/good.sif" sh -c 'echo up; sleep 2; cat /etc/os-release' >"$out"
    until_true 10 grep -q up "$out"
    use wrong
    check_refused 'changing.conf:[0-9]+: .*user bind contr' step "$BERTH_TEST_ROOT/first/good.sif" true
    wait $! || fail "the running step failed"
    check_match 'Berth demo' "$(<"$out")"
    rm "$CONF"
    check_refused 'changing.conf' step "$BERTH_TEST_ROOT/first/good.sif" true
    use first
    chmod 0666 "$CONF"
    check_refused 'changing.conf' step "$BERTH_TEST_ROOT/first/good.sif" true
    use first
    in_image "Berth demo" step "$BERTH_TEST_ROOT/first/good.sif"
    check_clean
}

# Neither file lets the user's own image run; one of them the first, one the second.
test_while_many_steps_start() {
    local out=$TEST_TMP/out
    (while [[ -e $CONF.first ]]; do for kind in first wrong second cut; do use "$kind"; sleep 0.01; done; done) 2>/dev/null &
    CHANGER=$!
    trap 'kill "$CHANGER" 2>/dev/null || true' EXIT
    batch_script "$TEST_HOME/many.sh" 'for i in $(seq 15); do' \
        "    for image in $BERTH_TEST_ROOT/first/good.sif $BERTH_TEST_ROOT/second/good.sif $OTHER; do" \
        '        (srun -n1 --overlap --quiet --container=$image cat /etc/os-release 2>/dev/null; echo "status $? $image") &' '    done' 'done' 'wait'
    as_user timeout 100 salloc --quiet -n64 ./many.sh >"$out"
    kill "$CHANGER"
    wait "$CHANGER" 2>/dev/null || true
    use first
    check_equal 45 "$(grep -c '^status' "$out")" "steps that ended"
    check_equal "" "$(grep "^status 0 $OTHER" "$out" || true)" "the user's own image"
    check_equal "" "$(grep '^NAME=' "$out" | grep -v '^NAME="Berth demo"$' || true)" "what the steps saw"
    check_match 'status 255' "$(<"$out")" "or the attack shows nothing"
    check_clean
}
