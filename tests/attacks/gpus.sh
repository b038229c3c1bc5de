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
