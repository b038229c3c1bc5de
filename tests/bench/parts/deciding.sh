# shellcheck shell=bash
# Deciding about a large request, and what a seccomp filter costs. Sourced by run.

measure_deciding() {
    local program=$BENCH_ROOT/deciding name seconds
    if ! install -m 0755 "$BERTH_BUILD/release/bin/berth_bench_deciding" "$program" 2>/dev/null; then
        say "  not measured: deciding: berth_bench_deciding is not built (the release preset with -DBERTH_TESTS=ON)"
        return 0
    fi
    heading "deciding: 50 binds, 100 execution groups, a seccomp profile of 400 rules (ms, median)"
    while IFS=$'\t' read -r name seconds; do
        printf '  %-30s %8s\n' "$name" "$(awk -v s="$seconds" 'BEGIN {printf "%.3f", s * 1000}')"
    done < <("$program" decide "$(rounds 200 20)")
    heading "getppid under a filter of 400 rules (s a call)"
    commands_begin
    for name in libseccomp ours none; do command_add "$name" "$program" filter "$name"; done
    commands_run libseccomp --figure --rounds "$(rounds 15 3)" --warm-up 1
}
