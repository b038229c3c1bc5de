# shellcheck shell=bash
# One list of results for all tiers: a line a test, "STATUS<TAB>ID<TAB>SECONDS<TAB>REASON", in the file BERTH_RESULTS.
# Sourced after common.sh. BERTH_RESULTS_PREFIX: stands before each ID, in a run that is a part of another one.

# result_record pass|fail|skip ID SECONDS [REASON]: keeps it and shows it.
result_record() {
    local reason=${4:-} id=${BERTH_RESULTS_PREFIX:-}$2
    reason=${reason//[$'\n\t']/ }
    printf '%s\t%s\t%s\t%s\n' "$1" "$id" "$3" "$reason" >>"$BERTH_RESULTS"
    printf '%-4s %s (%s s)%s\n' "$1" "$id" "$3" "${reason:+: $reason}"
}

results_count() { awk -F '\t' -v want="$1" '$1 == want {n++} END {print n + 0}' "$BERTH_RESULTS"; }

# results_summary: the failures and skips once more, then the closing line.
results_summary() {
    local failed
    failed=$(results_count fail)
    if ((failed)); then
        heading Failed
        awk -F '\t' '$1 == "fail" {print $2 ": " $4}' "$BERTH_RESULTS"
    fi
    if (($(results_count skip))); then
        heading Skipped
        awk -F '\t' '$1 == "skip" {print $2 ": " $4}' "$BERTH_RESULTS"
    fi
    printf '\n%s passed, %s failed, %s skipped\n' "$(results_count pass)" "$failed" "$(results_count skip)"
}

# results_unexpected_skips FILE: prints each skip that no line of FILE allows. A line is an extended regular expression
# for the test's id, white space, and one for the reason; both must match as a whole.
results_unexpected_skips() {
    local id reason
    while IFS=$'\t' read -r _ id _ reason; do
        skip_is_expected "$1" "$id" "$reason" || printf '%s: %s\n' "$id" "$reason"
    done < <(grep -P '^skip\t' "$BERTH_RESULTS" || true)
}

skip_is_expected() {
    local pattern reason
    while read -r pattern reason; do
        [[ -n $pattern && $pattern != \#* ]] || continue
        [[ $2 =~ ^($pattern)$ && $3 =~ ^($reason)$ ]] && return 0
    done <"$1"
    return 1
}

# results_from_catch2 TIER XML: a line for each test case of a Catch2 v2 report ("--reporter xml"). A case that passes
# with a warning that begins with SKIP counts as skipped: that version of Catch2 has no skipping of its own.
results_from_catch2() {
    local status name seconds reason
    while IFS=$'\t' read -r status name seconds reason; do
        result_record "$status" "$1:$name" "$seconds" "$reason"
    done < <(awk -f "$BERTH_SOURCE/tests/lib/catch2.awk" "$2")
}
