# shellcheck shell=bash
# BERTH_SOAK_STEPS steps (50), in each of which something is killed at a random moment: a task, our image server, berth-step,
# slurmstepd, or nothing. Afterwards nothing is left: no process, mount, loop device or file, no cgroup but those that Slurm
# leaves when its own slurmstepd is killed, with or without us; and all nodes take steps.

STEPS=${BERTH_SOAK_STEPS:-50}
# shellcheck disable=SC2034
TEST_TIMEOUT=$((120 + STEPS * 4))

setup_file() { nodes_up; }
teardown_file() {
    cat "$FILE_TMP/figures" 2>/dev/null || true
    nodes_down
}

# pick WORD…: one of them.
pick() {
    shift $((RANDOM % $#))
    printf '%s\n' "$1"
}

# kill_one PID…: one of these, if there is any; says how many it killed.
kill_one() {
    (($#)) && kill -KILL "$(pick "$@")" 2>/dev/null && echo 1 || echo 0
}

victims() {
    case $1 in
        task) pgrep -U "$TEST_UID" -x sleep ;;
        server) servers ;;
        slurmstepd) cluster_step_daemons "$CLUSTER" ;;
    esac
}

find_victims() { VICTIMS=$(victims "$1"); [[ -n $VICTIMS ]]; }
met_or_over() { find_victims "$1" || gone "$2"; }

# kill_when_met VICTIM SRUN: waits for such a process of srun's step, and kills one at a random moment of its life; says how
# many it killed.
kill_when_met() {
    until_true 20 met_or_over "$1" "$2" || true
    sleep "0.$(printf '%03d' $((RANDOM % 250)))"
    # A process that was waited for is looked for anew.
    find_victims "$1" || true
    # shellcheck disable=SC2086
    kill_one $VICTIMS
}

# kill_helper SRUN: berth-step and its agent live for some hundredths of a second, too short for pgrep(1): the processes that
# begin now are watched, and one of those is killed at a random moment. Says how many it killed.
kill_helper() {
    python3 -c '
import os, random, sys, time
program, srun = sys.argv[1:]
def last_pid(): return int(open("/proc/loadavg").read().split()[4])
seen, young = last_pid(), {}
while os.path.exists("/proc/" + srun + "/exe"):
    last, now = last_pid(), time.monotonic()
    young.update((pid, now) for pid in range(seen + 1, last + 1))
    seen = last
    for pid, since in list(young.items()):
        try:
            if os.readlink(f"/proc/{pid}/exe") == program:
                del young[pid]
                time.sleep(random.random() * 0.01)
                if os.readlink(f"/proc/{pid}/exe") == program:
                    os.kill(pid, 9)
                    sys.exit(print(1))
            elif now - since > 0.2: del young[pid]
        except OSError: young.pop(pid, None)
print(0)' "$BERTH_PREFIX/libexec/berth/berth-step" "$1"
}

# soak_step VICTIM ARGUMENT…: a step, in which one process of this kind is killed at a random moment of its life.
soak_step() {
    local victim=$1 limit=90 srun
    shift
    # srun waits for a slurmstepd that is gone for longer than anybody here.
    [[ $victim != slurmstepd ]] || limit=20
    in_background timeout --kill-after=5 "$(patient $limit)" srun --quiet "$@" sleep 1 >/dev/null 2>&1
    srun=$!
    case $victim in
        none) ;;
        helper) printf 'helper %s\n' "$(kill_helper "$srun")" ;;
        *) printf '%s %s\n' "$victim" "$(kill_when_met "$victim" "$srun")" ;;
    esac >>"$FILE_TMP/kills"
    if [[ $victim == slurmstepd ]]; then
        sleep 0.5
        as_user scancel --user="$TEST_USER" 2>/dev/null || true
    else
        until_true 60 gone "$srun" ||
            fail "a step does not end; the last that was killed: $(tail -n 1 "$FILE_TMP/kills"); $*: $(squeue --noheader; left_over)"
    fi
    wait "$srun" || true
    [[ $victim != slurmstepd ]] || until_true 30 cluster_no_jobs || true
}

# soak_image VICTIM: an image that has such a process.
soak_image() { if [[ $1 == server ]]; then say "$DEMO"; else pick "$DEMO" "$ROOT_DEMO" "$FIXTURES/demo"; fi; }
killed() { grep -c "^$1 1" "$FILE_TMP/kills" || true; }

left_over() { leaks_new_since "$LEAKS_BEFORE"; }
# not_slurms: without what Slurm's own killed slurmstepd leaves, container or not: cgroups and its socket. slurms: their number.
not_slurms() { left_over | grep -vE "^(cgroup|file $CLUSTER/spool/)" || true; }
slurms() { left_over | grep -cE "^(cgroup|file $CLUSTER/spool/)" || true; }
nothing_of_ours() { [[ -z $(not_slurms) ]]; }

test_steps_with_random_kills() {
    local i victim begin=$SECONDS
    for ((i = 0; i < STEPS; ++i)); do
        victim=$(pick task server helper none)
        soak_step "$victim" -N"$(pick 1 2 4)" --ntasks-per-node="$(pick 1 4 8)" --container="$(soak_image "$victim")"
    done
    printf 'soak: %s steps in %s s; killed: %s tasks, %s servers, %s berth-step\n' "$STEPS" $((SECONDS - begin)) \
        "$(killed task)" "$(killed server)" "$(killed helper)" >>"$FILE_TMP/figures"
    check_clean
}

# Here Slurm leaves something of its own, so plain steps are killed the same way beside them, for the figures. The record of
# a step whose slurmstepd died is removed by the node's next step in a container.
test_steps_whose_slurmstepd_is_killed() {
    local i plain=0 ours=0 before count=$((STEPS / 10))
    for ((i = 0; i < count; ++i)); do
        before=$(slurms)
        soak_step slurmstepd -N"$(pick 1 2)" --ntasks-per-node=4
        plain=$((plain + $(slurms) - before))
        before=$(slurms)
        soak_step slurmstepd -N"$(pick 1 2)" --ntasks-per-node=4 --container="$(soak_image slurmstepd)"
        ours=$((ours + $(slurms) - before))
    done
    printf 'soak: %s slurmstepds killed; Slurm left %s cgroups and sockets of plain steps, %s of steps in containers\n' "$(killed slurmstepd)" \
        "$plain" "$ours" >>"$FILE_TMP/figures"
    cluster_wait_idle 60 || fail "$(sinfo --format='%N %T %E')"
    check_status 0 as_user srun -Q -N4 -n4 --container="$DEMO" true
    until_true 30 nothing_of_ours || fail "left behind: $(not_slurms)"
}

test_all_nodes_take_steps() {
    check_output $'Berth demo\nBerth demo\nBerth demo\nBerth demo' \
        as_user srun -Q -N4 --container="$DEMO" sh -c ". /etc/os-release; echo \$NAME"
    check_equal "" "$(sinfo --noheader --states=drain,fail,down --format=%N)" "nodes that take no jobs"
}
