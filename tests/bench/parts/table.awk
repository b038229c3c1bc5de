# A table: a row a command, times in ms. The first file is the list of commands, the second what timer printed.
#   base=NAME    adds the median of the ratios to that command's run in the same round; a * in NAME stands for what
#                follows the last comma of the row's own name, and where that is no command, the first one is meant
#   memory=1     adds the largest resident set
#   tasks=N      instead: the median of the differences to base, a step and a task
#   unit=s       times in seconds
function median(list, n,    i, j, t) {
    for (i = 2; i <= n; ++i)
        for (j = i; j > 1 && list[j - 1] > list[j]; --j) { t = list[j]; list[j] = list[j - 1]; list[j - 1] = t }
    return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}
BEGIN { FS = "\t"; scale = unit == "s" ? 1 : 1000; form = unit == "s" ? "%9.3f" : "%9.2f" }
NR == FNR { names[++rows] = $1; count[$1] = 0; next }
$5 != 0 { failed[$1]++; next }
{
    time[$1, $2] = $3 * scale
    seen[$1, ++count[$1]] = $2
    if ($4 > peak[$1]) peak[$1] = $4
}
END {
    printf "  %-44s %9s %9s %9s", "", "median", "min", "max"
    if (base != "") printf tasks ? " %10s %10s" : " %8s", tasks ? "added" : "ratio", "a task"
    if (memory) printf " %9s", "peak MiB"
    printf " %5s\n", "runs"
    for (r = 1; r <= rows; ++r) row(names[r])
}
function base_of(name) {
    sub(/^.*, /, "", name)
    name = index(base, "*") ? substr(base, 1, index(base, "*") - 1) name : base
    return name in count ? name : names[1]
}
function row(name,    i, n, m, all, pairs, round, other) {
    n = count[name]
    other = base_of(name)
    if (n == 0) { printf "  %-44s failed each time\n", name; return }
    for (i = 1; i <= n; ++i) {
        round = seen[name, i]
        all[i] = time[name, round]
        if (((other, round) in time) && time[other, round] > 0)
            pairs[++m] = tasks ? all[i] - time[other, round] : all[i] / time[other, round]
    }
    middle = median(all, n)
    printf "  %-44s " form " " form " " form, name, middle, all[1], all[n]
    if (base != "" && tasks && m) { middle = median(pairs, m); printf " %10.2f %10.3f", middle, middle / tasks }
    else if (base != "" && m) printf " %7.2fx", median(pairs, m)
    else if (base != "") printf tasks ? " %10s %10s" : " %8s", "-", "-"
    if (memory) printf " %9.1f", peak[name] / 1024
    printf " %5d%s\n", n, failed[name] ? "  (" failed[name] " failed)" : ""
}
