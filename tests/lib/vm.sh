# shellcheck shell=bash
# The tier vm: the tests of the slurm tier, attacks on control groups, and those of tests/vm, in the machine of vm_image.sh: systemd and cgroup v2.
# What they need is built outside and handed in as a second disk, a tar archive; the results come out of a serial line,
# and are this run's like any other's. Sourced after vm_image.sh.
#
# BERTH_VM_PREFIX   the installation of Berth to try: for a suite other than Debian 12, one that was built against that
#                   one's Slurm
# BERTH_VM_SECONDS  how long the guest may take (7200)
# BERTH_VM_ACCEL    kvm or tcg, emulation; which of them works is tried otherwise
# BERTH_VM_CPUS     processors of the guest: 2 with KVM, else 1; an emulated guest of more has the time of this machine
# BERTH_VM_QEMU     another emulator than the installed one

: "${BERTH_VM_SECONDS:=7200}"
: "${BERTH_VM_QEMU:=qemu-system-x86_64}"

tier_vm() {
    local prefix=${BERTH_VM_PREFIX:-$BERTH_PREFIX}
    if [[ $BERTH_VM_SUITE != bookworm && -z ${BERTH_VM_PREFIX:-} ]]; then
        die "BERTH_VM_SUITE=$BERTH_VM_SUITE needs BERTH_VM_PREFIX: an installation built against that release's Slurm"
    fi
    if ! vm_image_open; then
        result_record fail "vm:the machine" 0 "it could not be made; see the output above"
    elif [[ -n $VM_MISSING ]]; then
        result_record skip "vm:the machine" 0 "$VM_MISSING"
    else
        vm_run "$prefix"
    fi
    vm_image_close
}

# vm_run PREFIX
vm_run() {
    VM_WORK=$BERTH_TEST_ROOT/vm
    mkdir "$VM_WORK" && : >"$VM_WORK/output" && : >"$VM_WORK/results" || return
    : "${BERTH_VM_ACCEL:=$(vm_accelerator)}"
    : "${BERTH_VM_CPUS:=$([[ $BERTH_VM_ACCEL == kvm ]] && echo 2 || echo 1)}"
    say "Debian $BERTH_VM_SUITE under $("$BERTH_VM_QEMU" --version | head -n 1), $BERTH_VM_ACCEL"
    vm_hand_in "$1" || die "cannot pack what the virtual machine needs"
    vm_start
    tail --pid="$VM_PID" -n +1 -f "$VM_WORK/output" &
    # In the background, so that a signal to us is not kept waiting for its end.
    timeout "$BERTH_VM_SECONDS" tail --pid="$VM_PID" -f /dev/null &
    wait $! || vm_stop
    wait
    unset VM_PID
    vm_results
}

# vm_hand_in PREFIX: what the guest unpacks: the tests, the installation, other people's images, and how to run it all.
vm_hand_in() {
    local in=$VM_WORK/in
    mkdir -p "$in/source/tests" &&
        cp -a "$BERTH_SOURCE/conf" "$in/source/" && cp -a "$BERTH_SOURCE"/tests/{lib,slurm,attacks,vm} "$in/source/tests/" &&
        cp -a "$1" "$in/prefix" || return
    if [[ -n ${BERTH_TEST_CORPUS:-} ]]; then cp -rL "$BERTH_TEST_CORPUS" "$in/corpus" || return; fi
    printf 'export PATTERN=%q FILE_PATTERN=%q BERTH_TEST_PATIENCE=%q\n' "$PATTERN" "$FILE_PATTERN" "$(vm_patience)" >"$in/settings"
    tar -c -f "$VM_WORK/in.tar" --owner=root:0 --group=root:0 --mode=go-w --sort=name -C "$in" . && rm -rf "$in"
}

# An emulated processor is by its own clock two or three times slower than this one.
vm_patience() { if [[ $BERTH_VM_ACCEL == kvm ]]; then echo 1; else echo 4; fi; }

# Nothing that the guest writes to its disk stays. An emulated guest's clock counts its instructions (2 ns each) and the time in
# which it waits, so that what else this machine does is no timeout in there. qemu 7.2.22 starts no second processor so.
vm_start() {
    local how=()
    [[ $BERTH_VM_ACCEL == kvm || $BERTH_VM_CPUS != 1 ]] || how=(-icount "shift=1,sleep=on" -rtc clock=vm)
    TMPDIR=$VM_WORK "$BERTH_VM_QEMU" -nodefaults -no-user-config -display none -no-reboot -M pc,usb=off \
        -accel "$BERTH_VM_ACCEL" "${how[@]}" -cpu max -smp "$BERTH_VM_CPUS" -m 3072 -kernel "$VM_IMAGE/kernel" \
        -append "root=/dev/nvme0n1 rw console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=1 systemd.show_status=error" \
        -drive "file=$VM_IMAGE/disk,format=raw,if=none,id=system,snapshot=on,cache=unsafe" -device nvme,drive=system,serial=1 \
        -drive "file=$VM_WORK/in.tar,format=raw,if=none,id=in,readonly=on" -device nvme,drive=in,serial=2 \
        -serial "file:$VM_WORK/console" -serial "file:$VM_WORK/output" -serial "file:$VM_WORK/results" \
        >"$VM_WORK/qemu" 2>&1 </dev/null &
    VM_PID=$!
}

# vm_stop: also after a run that was cut short.
vm_stop() {
    [[ -z ${VM_PID:-} ]] || end_process "$VM_PID"
}

# The guest's lines are taken over as they are. Its last one tells that it came to its end.
vm_results() {
    grep -E $'^(pass|fail|skip)\tvm:[^\t]+\t[0-9.]+\t' "$VM_WORK/results" >>"$BERTH_RESULTS" || true
    [[ $(tail -n 1 "$VM_WORK/results") != $'end\t0' ]] || return 0
    tail -n 20 "$VM_WORK/qemu" "$VM_WORK/console" >&2
    result_record fail "vm:the machine" 0 "it ended early, or not within $BERTH_VM_SECONDS s; see the output above"
}

# vm_accelerator: kvm where a guest comes to its first instructions with it, and soon: /dev/kvm alone tells neither, and there
# are machines whose own processor is emulated to the guest. This one is a boot sector that writes to the port of qemu's exit
# device: mov al, 16; out 0xf4, al; hlt.
vm_accelerator() {
    local sector=$VM_WORK/sector status=0
    printf '\xb0\x10\xe6\xf4\xf4%0505d\x55\xaa' 0 >"$sector"
    timeout 2 "$BERTH_VM_QEMU" -nodefaults -display none -accel kvm -m 16 -device isa-debug-exit,iobase=0xf4,iosize=4 \
        -drive "file=$sector,format=raw,if=ide" >/dev/null 2>&1 </dev/null || status=$?
    if ((status == 33)); then echo kvm; else echo tcg; fi
}
