# shellcheck shell=bash disable=SC2016
# A user after GPUs that Slurm did not give him. A weaker runtime binds all of /dev, or takes a variable of the user's
# (NVIDIA_VISIBLE_DEVICES=all) for a right.

skip_file() { gpus_missing; }
setup_file() {
    fixtures_create
    gpus_up
    gpus_slurm_up
    step "$DEMO" --container-nv true 2>/dev/null
}
teardown_file() {
    slurm_down
    gpus_down
}

no_gpu='ls /dev | grep "nvidia[0-9]"; for i in 0 1 2; do (: <>/dev/nvidia$i) 2>/dev/null && echo opened; (: </dev/nvidia$i) 2>&1 | grep -o "No such device"; done; true'

test_options_and_variables() {
    check_output '' step "$DEMO" --container-nv sh -c "$no_gpu"
    check_output '' as_user env NVIDIA_VISIBLE_DEVICES=all CUDA_VISIBLE_DEVICES=0,1,2 BERTH_NV=1 srun --container="$DEMO" sh -c "$no_gpu"
    check_output '' step "$DEMO" --container-nv --container-env=NVIDIA_VISIBLE_DEVICES=all,CUDA_VISIBLE_DEVICES=0 sh -c "$no_gpu"
    check_output '' step "$DEMO" --container-nv --container-contain sh -c "$no_gpu"
    check_clean
}

# His own bind of the node, or of all of /dev, shows it and opens nothing.
test_binds() {
    local bind
    for bind in /dev/nvidia1:/mnt/gpu /dev:/mnt; do
        capture step "$DEMO" --container-nv --container-bind="$bind" sh -c 'for n in /mnt/gpu /mnt/nvidia1; do (: <>$n) && echo opened; done; true'
        check_no_match opened "$CAPTURED_OUT"
        check_no_match 'No such device or address' "$CAPTURED_ERR"
    done
    check_clean
}

# An image with nodes of its own, and with a link in the place where libraries go.
test_an_image_of_his_own() {
    check_output '' step "$HOSTILE" --container-nv sh -c "$no_gpu"
    as_user cp -a "$FIXTURES/demo" "$TEST_HOME/link"
    as_user mkdir "$TEST_HOME/target"
    as_user ln -s "$TEST_HOME/target" "$TEST_HOME/link/.singularity.d/libs"
    as_user ln -s ../../../../../etc "$TEST_HOME/link/usr/local"
    capture step "$TEST_HOME/link" --gres=gpu:1 --container-nv true
    check_equal '' "$(ls -A "$TEST_HOME/target")"
    check_clean
}

# The driver's files are read-only in the container, and what he puts into his own LD_LIBRARY_PATH on the host is not read.
test_files_of_the_driver() {
    local before
    before=$(sha256sum "$GPU_TREE/lib/libcuda.so.535.1")
    step "$DEMO" --gres=gpu:1 --container-nv sh -c 'echo x >/.singularity.d/libs/libcuda.so.1' 2>/dev/null || true
    check_equal "$before" "$(sha256sum "$GPU_TREE/lib/libcuda.so.535.1")"
    echo 'int cuInit;' | as_user gcc -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$TEST_HOME/libcuda.so.1" -x c -
    check_output "$(sha256sum <"$GPU_TREE/lib/libcuda.so.535.1")" as_user env LD_LIBRARY_PATH="$TEST_HOME" srun --gres=gpu:1 --container="$DEMO" \
        --container-nv sh -c 'sha256sum </.singularity.d/libs/libcuda.so.1'
    check_clean
}

# The host's nodes that a task may open, which it reaches through another process of the user's, and whether it may open
# /dev/zero. Nothing is behind the made-up ones.
opens_of_the_host='for n in 0 1 2; do (: <>$0/nvidia$n) 2>&1 | grep -q "No such device" && printf "gpu$n "; done; (: <$0/zero) 2>/dev/null && echo zero || echo none'
process_outside() {
    in_background sleep 300
    OUTSIDE=$!
    HOSTS_DEV=/proc/$OUTSIDE/root/dev
    until_true 10 grep -q sleep "/proc/$OUTSIDE/comm"
}

# With rules of his own about devices, which allow all but one, Slurm's hold on: for a step and each of its tasks, and for a batch
# script, where Slurm has a rule for the job alone, which the kernel passes over where a cgroup further down has one.
test_rules_of_his_own() {
    local rules=$TEST_HOME/rules.toml
    process_outside
    limits_file "$rules" '[[devices]]' 'allow = true' 'type = "a"' 'access = "rwm"' \
        '[[devices]]' 'allow = false' 'type = "c"' 'major = 1' 'minor = 5' 'access = "rwm"'
    check_output 'gpu0 zero' step "$DEMO" --gres=gpu:1 sh -c "$opens_of_the_host" "$HOSTS_DEV"
    check_output 'gpu0 none' step "$DEMO" --gres=gpu:1 --container-apply-cgroups="$rules" sh -c "$opens_of_the_host" "$HOSTS_DEV"
    check_output none step "$DEMO" --container-apply-cgroups="$rules" sh -c "$opens_of_the_host" "$HOSTS_DEV"
    check_equal $'0: gpu0 none\n1: gpu1 none' "$(as_user srun -l -n2 --gpus-per-task=1 --container="$DEMO" --container-apply-cgroups="$rules" \
        sh -c "$opens_of_the_host" "$HOSTS_DEV" | sort)"
    batch_script "$TEST_HOME/job.sh" "set -- '$HOSTS_DEV'" "${opens_of_the_host//\$0/\$1}"
    batch_job --gres=gpu:1 --container="$DEMO" --container-apply-cgroups="$rules" --output="$TEST_HOME/out" "$TEST_HOME/job.sh"
    check_equal 'gpu0 none' "$(cat "$TEST_HOME/out")"
    end_process "$OUTSIDE"
    check_clean
}

# On cgroup v2 his rules may hold for slurmstepd, too: it must come to its end all the same.
test_rules_that_deny_everything() {
    local rules=$TEST_HOME/rules.toml tasks
    limits_file "$rules" '[[devices]]' 'allow = false' 'type = "a"' 'access = "rwm"'
    for tasks in 1 2; do
        capture as_user srun -n"$tasks" --gres=gpu:2 --container="$DEMO" --container-apply-cgroups="$rules" \
            sh -c 'echo ran; (: </dev/null) 2>/dev/null || echo denied; exit 3'
        if ((CAPTURED_STATUS == 255)); then
            check_match "Slurm's own exceptions cannot be seen" "$CAPTURED_ERR"
        else
            check_equal "3 $tasks $tasks" "$CAPTURED_STATUS $(grep -c ran <<<"$CAPTURED_OUT") $(grep -c denied <<<"$CAPTURED_OUT")"
        fi
        check_clean
    done
    check_output 'gpu0' step "$DEMO" --gres=gpu:1 sh -c '(: </dev/nvidia0) 2>&1 | grep -q "No such device" && echo gpu0'
}

# The site's rules hold for steps with GPUs as for others.
test_rules_of_the_site() {
    process_outside
    site_limits '[[devices]]' 'allow = false' 'type = "c"' 'major = 1' 'minor = 5' 'access = "rwm"'
    check_output 'gpu0 none' step "$DEMO" --gres=gpu:1 sh -c "$opens_of_the_host" "$HOSTS_DEV"
    check_output none step "$DEMO" sh -c "$opens_of_the_host" "$HOSTS_DEV"
    site_limits
    end_process "$OUTSIDE"
    check_clean
}
