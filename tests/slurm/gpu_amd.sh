# shellcheck shell=bash disable=SC2016
# AMD's and Intel's GPUs as Slurm gives them: made-up render nodes as generic resources, for which Slurm sets
# ROCR_VISIBLE_DEVICES and ZE_AFFINITY_MASK.

skip_file() { gpus_missing; }
setup_file() {
    local node
    fixtures_create
    GPU_MORE='libamdhip64 libhsa-runtime64' GPU_LIST=$BERTH_PREFIX/etc/berth/rocmliblist.conf GPU_NODES=0 gpus_up
    GPU_LIST=$BERTH_PREFIX/etc/berth/rocmliblist.conf
    rm -rf --one-file-system "$GPU_TREE/dev/dri" && mkdir "$GPU_TREE/dev/dri"
    mknod -m 0666 "$GPU_TREE/dev/kfd" c 511 0
    for node in 128 129 130; do mknod -m 0666 "$GPU_TREE/dev/dri/renderD$node" c 226 "$node"; done
    CLUSTER_GRES=gpu:3 CLUSTER_GRES_CONF='Name=gpu File=/dev/dri/renderD[128-130] Flags=amd_gpu_env,intel_gpu_env' slurm_up required
    step "$DEMO" --container-rocm true 2>/dev/null
}
teardown_file() {
    slurm_down
    gpus_down
}

own_nodes='for n in /dev/dri/*; do (: <$n) 2>&1 | grep -q "No such device" && printf "%s " "${n##*/}"; done; echo "[$ROCR_VISIBLE_DEVICES] [$ZE_AFFINITY_MASK]"'

test_a_step_sees_its_own() {
    check_output renderD128 step "$DEMO" --gres=gpu:1 --container-rocm ls /dev/dri
    check_output 'kfd renderD128 renderD129 [0,1] [0,1]' step "$DEMO" --gres=gpu:2 --container-rocm --container-contain \
        sh -c 'echo $(ls /dev | grep kfd) $(ls /dev/dri) "[$ROCR_VISIBLE_DEVICES] [$ZE_AFFINITY_MASK]"'
    check_output 'libamdhip64.so.1 libhsa-runtime64.so.1' step "$DEMO" --gres=gpu:1 --container-rocm sh -c 'cd /.singularity.d/libs && echo $(ls libamd*.so.1 libhsa*.so.1)'
    check_clean
}

test_without_a_gpu() {
    capture step "$DEMO" --container-rocm sh -c 'ls /dev/dri; echo "[$ROCR_VISIBLE_DEVICES]"'
    check_equal '[]' "$CAPTURED_OUT"
    check_match 'this step has no AMD GPU on this node: ask Slurm for one' "$CAPTURED_ERR"
    check_clean
}

# Each task has Slurm's variables, though the image and the user's own environment have others.
test_each_task() {
    local plain
    as_user cp -a "$FIXTURES/demo" "$TEST_HOME/amd"
    echo 'export ROCR_VISIBLE_DEVICES=7 ZE_AFFINITY_MASK=7' | as_user tee "$TEST_HOME/amd/.singularity.d/env/91-amd.sh" >/dev/null
    for more in --gpus-per-task=1 '--gres=gpu:2 --gpu-bind=map_gpu:1,0'; do
        # shellcheck disable=SC2086
        plain=$(as_user srun -l -n2 $more sh -c "$own_nodes" | sort)
        check_match renderD "$plain"
        # shellcheck disable=SC2086
        check_equal "$plain" "$(as_user srun -l -n2 $more --container="$TEST_HOME/amd" --container-rocm sh -c "$own_nodes" | sort)" "$more"
    done
    check_clean
}
