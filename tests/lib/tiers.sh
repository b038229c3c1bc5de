# shellcheck shell=bash
# One function a tier. Sourced after everything else here, by run-tests.

# tier_files TIER [NAME]: runs the files of tests/TIER, and looks for what they leave behind. NAME: in the results.
tier_files() {
    local folder=$1 tier=${2:-$1} file before left
    before=$(leaks_state)
    for file in "$BERTH_SOURCE/tests/$folder"/*.sh; do
        [[ -e $file && $folder/${file##*/} =~ ${FILE_PATTERN:-} ]] || continue
        fixtures_tidy
        check_run_file "$tier" "$file" "$PATTERN"
    done
    if left=$(leaks_since "$before"); then
        result_record pass "$tier:nothing is left behind" 0
    else
        result_record fail "$tier:nothing is left behind" 0 "$left"
    fi
}

tier_userns() {
    fuse_for_user
    tier_files userns
    fuse_as_before
}

tier_root() { tier_files root; }

# tier_slurm [NAME]: in the results.
tier_slurm() {
    cluster_detect "$BERTH_TEST_ROOT/cluster-probe"
    say "Slurm $(slurmd -V | awk '{print $2}'), proctrack/$CLUSTER_PROCTRACK, cgroups: $(cluster_cgroup_version)"
    tier_files slurm "${1:-slurm}"
}

tier_attacks() {
    cluster_detect "$BERTH_TEST_ROOT/cluster-probe"
    tier_files attacks
}

# Slurm's several nodes on this machine.
tier_cluster() {
    if ! nodes_possible; then
        result_record skip cluster:all 0 "network namespaces with a bridge cannot be made here"
        return 0
    fi
    cluster_detect "$BERTH_TEST_ROOT/cluster-probe"
    say "Slurm $(slurmd -V | awk '{print $2}'), four nodes, proctrack/$CLUSTER_PROCTRACK, cgroups: $(cluster_cgroup_version)"
    tier_files cluster
}

# Without a network, each test of the tier is a skip that says so.
tier_peer() {
    if ! peer_open; then
        result_record fail "peer:Apptainer and siftool" 0 "they could not be fetched; see the output above"
        return 0
    fi
    [[ -n $PEER_MISSING ]] || say "Apptainer $(peer_version apptainer), siftool $(peer_version siftool)"
    fuse_for_user
    tier_files peer
    fuse_as_before
    peer_close
}

tier_unit() { unit_tests unit dev; }

# The unit tests; then, with sanitized programs, what users do. Others stay the release's: the plugin, which programs without
# a sanitizer load, and those whose limits and filters leave a sanitizer no room (docs/untested.md).
tier_asan() {
    local prefix=$BERTH_PREFIX
    BUILD_TARGETS=all unit_tests asan asan
    asan_install "$BERTH_TEST_ROOT/asan-prefix"
    fuse_for_user
    tier_files userns asan-userns
    fuse_as_before
    BERTH_PREFIX=$prefix
}

asan_install() {
    cp -a "$BERTH_PREFIX" "$1"
    local program
    for program in bin/berth libexec/berth/{berth-step,berth-trust,berth-verify}; do
        install -m 0755 "$BERTH_BUILD/asan/$program" "$1/$program"
    done
    install -m 0755 "$BERTH_BUILD/asan/bin/berth_failing_runner" "$1/bin"
    BERTH_PREFIX=$1
}

# unit_tests TIER PRESET: builds the preset and runs its unit tests as the test user, from a copy that he can reach.
# The cases that say they need root are run once more as root.
unit_tests() {
    local tier=$1 program=$BERTH_TEST_ROOT/$1-tests xml=$BERTH_TEST_ROOT/$1.xml
    build_preset "$2" -DBERTH_TESTS=ON
    install -m 0755 "$BERTH_BUILD/$2/bin/berth_unit_tests" "$program"
    unit_run "$tier" "$xml" as_user env ${BERTH_TEST_CORPUS:+BERTH_TEST_CORPUS="$BERTH_TEST_CORPUS"} \
        "$program" ${PATTERN:+"*$PATTERN*"}
    unit_run_as_root "$tier" "$program" "$xml"
    unit_run_others "$tier" "$BERTH_BUILD/$2"
}

# The other tests that CMake knows: programs that succeed or fail as a whole, such as the replays of the fuzzers' seeds.
unit_run_others() {
    local tier=$1 xml=$BERTH_TEST_ROOT/$1-others.xml name status seconds
    ctest --test-dir "$2" --exclude-regex '^unit$' ${PATTERN:+--tests-regex "$PATTERN"} --no-tests=ignore --timeout 300 \
        --output-on-failure --output-junit "$xml" >"$xml.log" 2>&1 </dev/null || tail -n 60 "$xml.log"
    while IFS=$'\t' read -r name seconds status; do
        if [[ $status == run ]]; then
            result_record pass "$tier:$name" "$seconds"
        else
            result_record fail "$tier:$name" "$seconds" "ctest says: $status"
        fi
    done < <(sed -n 's/.*<testcase name="\([^"]*\)".* time="\([^"]*\)" status="\([^"]*\)".*/\1\t\2\t\3/p' "$xml" 2>/dev/null)
}

unit_run_as_root() {
    local tier=$1 program=$2 names=$3.names
    grep -P "^skip\t$tier:.*\tneeds root" "$BERTH_RESULTS" | cut -f 2 | sed "s/^$tier://; s/[,[]/\\\\&/g" >"$names" || true
    [[ -s $names ]] || return 0
    sed -i "/^skip\t$tier:.*\tneeds root/d" "$BERTH_RESULTS"
    unit_run "$tier" "$3" "$program" --input-file "$names"
}

# unit_run TIER XML COMMAND…
unit_run() {
    local tier=$1 xml=$2 status=0
    shift 2
    "$@" --reporter xml >"$xml" 2>"$xml.err" </dev/null || status=$?
    results_from_catch2 "$tier" "$xml"
    ((status == 0)) || unit_tests_failed "$tier" "$status" "$xml"
}

# A crash leaves no results behind, and must not pass for that.
unit_tests_failed() {
    awk '/<TestCase / {name = $0}
        /<(Expression success="false"|Failure|Exception|FatalErrorCondition)/ {print name; name = ""; show = 1}
        show {print}
        /<\/(Expression|Failure|Exception|FatalErrorCondition)>/ {show = 0}' "$3"
    tail -n 40 "$3.err"
    if ! grep -q '<OverallResults ' "$3"; then result_record fail "$1:the program" 0 "ended early with status $2"; fi
}

# tier_fuzz: each target first replays its corpus, then looks for news for BERTH_FUZZ_SECONDS (20).
tier_fuzz() {
    local target
    BUILD_TARGETS=tests/fuzz/all build_preset fuzz
    for target in "$BERTH_BUILD"/fuzz/bin/*_fuzz; do
        [[ -x $target ]] || die "the fuzz preset built no targets"
        fuzz_target "$target"
    done
}

# libFuzzer needs no root; it works in a folder of the test user's. The seeds of NAME_fuzz are in tests/fuzz/corpus/NAME,
# or a program NAME_corpus writes them.
fuzz_target() {
    local name=${1##*/} work=$TEST_HOME/fuzz log status=0 begin=$SECONDS
    local subject=${name%_fuzz}
    log=$BERTH_TEST_ROOT/$name.log
    install -d -o "$TEST_USER" "$work" "$work/new" "$work/seeds"
    install -m 0755 "$1" "$BERTH_TEST_ROOT/$name"
    if [[ -d $BERTH_SOURCE/tests/fuzz/corpus/$subject ]]; then cp -R "$BERTH_SOURCE/tests/fuzz/corpus/$subject/." "$work/seeds"; fi
    if [[ -x ${1%_fuzz}_corpus ]]; then "${1%_fuzz}_corpus" "$work/seeds"; fi
    chmod -R a+rX "$work/seeds"
    as_user "$BERTH_TEST_ROOT/$name" -max_total_time="${BERTH_FUZZ_SECONDS:-20}" -rss_limit_mb=2048 -timeout=10 \
        -artifact_prefix="$work/" "$work/new" "$work/seeds" >"$log" 2>&1 </dev/null || status=$?
    if ((status == 0)); then
        result_record pass "fuzz:$name" $((SECONDS - begin))
    else
        result_record fail "fuzz:$name" $((SECONDS - begin)) "exit status $status"
        tail -n 40 "$log"
    fi
    rm -rf --one-file-system "$work"
}

tier_tidy() {
    local begin=$SECONDS
    if (build_preset tidy); then
        result_record pass tidy:clang-tidy $((SECONDS - begin))
    else
        result_record fail tidy:clang-tidy $((SECONDS - begin)) "see the output above"
    fi
}

# Shows that the measurements work; what they say is not judged.
tier_bench() {
    local begin=$SECONDS
    if "$BERTH_SOURCE/tests/bench/run" --short; then
        result_record pass bench:run $((SECONDS - begin))
    else
        result_record fail bench:run $((SECONDS - begin)) "see the output above"
    fi
}
