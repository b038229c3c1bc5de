# shellcheck shell=bash disable=SC2016
# GPUs as Slurm gives them: made-up devices as generic resources, which the devices cgroup keeps from other steps. A step's
# container has its own nodes and no other, and each task Slurm's variables.

skip_file() { gpus_missing; }
setup_file() {
    fixtures_create
    gpus_up
    gpus_slurm_up
    # The first step of a node writes what it found of the driver, which stays.
    step "$DEMO" --container-nv true 2>/dev/null
}
teardown_file() {
    slurm_down
    gpus_down
}

# What a task may open, and what Slurm tells it.
own_devices='for i in 0 1 2; do (: </dev/nvidia$i) 2>&1 | grep -q "No such device" && own="$own$i"; done; echo "$own [$CUDA_VISIBLE_DEVICES]"'
# What a task hears when it opens the nodes that follow.
opens='for node; do (: </dev/$node) 2>&1 | sed "s/.*: //"; done'

test_a_step_sees_its_own() {
    check_output 'nvidia-caps nvidia0 nvidiactl' step "$DEMO" --gres=gpu:1 --container-nv sh -c 'ls /dev | grep nvidia | xargs'
    check_output 'nvidia-caps nvidia0 nvidiactl' step "$DEMO" --gres=gpu:1 sh -c 'ls /dev | grep nvidia | xargs'
    check_output 'nvidia-caps nvidia0 nvidia1 nvidiactl' step "$DEMO" --gres=gpu:2 --container-nv --container-contain sh -c 'ls /dev | grep nvidia | xargs'
    check_output 'No such device or address' step "$DEMO" --gres=gpu:1 --container-nv sh -c "$opens" sh nvidia0
    check_match 'libcuda.so.1' "$(step "$DEMO" --gres=gpu:1 --container-nv ls /.singularity.d/libs)"
    check_clean
}

# Two steps at once: each has another device, and not the other's.
test_two_steps() {
    local one two
    as_user srun --exact -n1 --gres=gpu:1 --container="$DEMO" --container-nv sh -c 'ls /dev | grep "nvidia[0-9]"; sleep 3' >"$TEST_TMP/one" &
    until_true 20 grep -q nvidia "$TEST_TMP/one" || fail 'the first step does not start'
    two=$(step "$DEMO" --exact -n1 --gres=gpu:1 --container-nv sh -c 'ls /dev | grep "nvidia[0-9]"')
    wait
    one=$(cat "$TEST_TMP/one")
    check_match '^nvidia[0-2]$' "$one"
    check_match '^nvidia[0-2]$' "$two"
    [[ $one != "$two" ]] || fail "both steps have $one"
    check_clean
}

test_without_a_gpu() {
    capture step "$DEMO" --container-nv sh -c 'ls /dev | grep "nvidia[0-9]"; echo "[$CUDA_VISIBLE_DEVICES]"'
    check_equal 0 "$CAPTURED_STATUS"
    check_equal '[]' "$CAPTURED_OUT"
    check_match 'this step has no NVIDIA GPU on this node: ask Slurm for one' "$CAPTURED_ERR"
    check_equal 1 "$(grep -c 'has no NVIDIA GPU' <<<"$CAPTURED_ERR")"
    check_clean
}

# Each task: its own variable, though the image has one, and with --cleanenv; and no device of the other task's to open.
test_gpus_per_task() {
    local out
    as_user cp -a "$FIXTURES/demo" "$TEST_HOME/cuda"
    echo 'export CUDA_VISIBLE_DEVICES=7 NVIDIA_VISIBLE_DEVICES=all' | as_user tee "$TEST_HOME/cuda/.singularity.d/env/91-cuda.sh" >/dev/null
    for out in '' --container-cleanenv; do
        capture as_user srun -l -n2 --gpus-per-task=1 --container="$TEST_HOME/cuda" --container-nv $out \
            sh -c "$own_devices"
        check_equal $'0: 0 [0]\n1: 1 [0]' "$(sort <<<"$CAPTURED_OUT")"
    done
    out=$(as_user srun -l -n2 --gpus-per-task=1 --container="$TEST_HOME/cuda" --container-nv ls /dev | grep -c 'nvidia2' || true)
    check_equal 0 "$out" 'tasks that see a device of nobody'
    check_output 9 step "$TEST_HOME/cuda" --gres=gpu:1 --container-nv --container-env=CUDA_VISIBLE_DEVICES=9 sh -c 'echo $CUDA_VISIBLE_DEVICES'
    check_clean
}

# What Slurm binds a task to is the same in a container as outside: variables, and the device that it may open.
test_gpu_bind() {
    local bind plain
    for bind in map_gpu:0,1 map_gpu:1,0 single:1 none; do
        plain=$(as_user srun -l -n2 --gres=gpu:2 --gpu-bind="$bind" sh -c "$own_devices" | sort)
        check_equal "$plain" "$(as_user srun -l -n2 --gres=gpu:2 --gpu-bind="$bind" --container="$DEMO" --container-nv sh -c "$own_devices" 2>/dev/null | sort)" "$bind"
    done
    check_clean
}

test_a_batch_script() {
    batch_script "$TEST_HOME/job.sh" 'ls /dev | grep "nvidia[0-9]" | xargs'
    batch_job --gres=gpu:2 --container="$DEMO" --container-nv --output="$TEST_HOME/out" --error=/dev/null "$TEST_HOME/job.sh"
    check_equal 'nvidia0 nvidia1' "$(cat "$TEST_HOME/out")"
    check_clean
}

# A device of a specification is had where it is the step's, too.
test_cdi() {
    local specs=$BERTH_TEST_ROOT/cdi node
    mkdir -m 0755 "$specs"
    {
        printf 'cdiVersion: "0.6.0"\nkind: made-up.org/gpu\ncontainerEdits:\n  env: [MADE_UP=yes]\ndevices:\n'
        for node in 0 1; do
            printf '  - name: "%s"\n    containerEdits:\n      deviceNodes:\n        - path: /dev/nvidia%s\n' "$node" "$node"
        done
    } >"$specs/made-up.yaml"
    configure_release 'cdi spec dirs' "$specs"
    check_output 'nvidia0 yes' step "$DEMO" --gres=gpu:1 --container-contain --container-cdi=made-up.org/gpu=0 sh -c 'echo $(ls /dev | grep "nvidia[0-9]") $MADE_UP'
    check_output 'nvidia0 nvidia1 yes' step "$DEMO" --gres=gpu:2 --container-contain --container-cdi=made-up.org/gpu=0,made-up.org/gpu=1 \
        sh -c 'echo $(ls /dev | grep "nvidia[0-9]") $MADE_UP'
    capture step "$DEMO" --gres=gpu:1 --container-contain --container-cdi=made-up.org/gpu=1 sh -c 'ls /dev | grep "nvidia[0-9]"; echo ran'
    check_equal ran "$CAPTURED_OUT"
    check_match "warning: .*/dev/nvidia1 is not this step's" "$CAPTURED_ERR"
    configure_release 'cdi spec dirs' '/etc/cdi, /var/run/cdi'
    rm -r "$specs"
    check_clean
}

# The record is made once, by the first step.
test_the_record() {
    local first
    step "$DEMO" --gres=gpu:1 --container-nv true
    first=$(stat -c '%U %a %i' /run/berth/gpu/nvidia)
    check_match '^root 644 ' "$first"
    step "$DEMO" --gres=gpu:1 --container-nv true
    check_equal "$first" "$(stat -c '%U %a %i' /run/berth/gpu/nvidia)"
    check_clean
}
