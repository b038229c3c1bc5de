// berth doctor: what it makes of nodes that this one is not, laid out in a folder.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>

#include "runtime/base/program_output.hpp"
#include "tools/doctor_checks.hpp"

using namespace berth;
using namespace berth::tools;
using Catch::Matchers::Contains;

namespace {

namespace fs = std::filesystem;

/// A node with nothing in it, until files are put there.
class Node {
public:
    Node() {
        REQUIRE(::mkdtemp(root_.data()) != nullptr);
        node_.root = root_;
        node_.slurm_folder = "/etc/slurm";
    }
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;
    ~Node() { fs::remove_all(root_); }

    Node& with(const std::string& path, const std::string& text = "") {
        fs::create_directories(fs::path(root_ + path).parent_path());
        std::ofstream(root_ + path) << text;
        return *this;
    }
    Node& without(const std::string& path) {
        fs::remove_all(root_ + path);
        return *this;
    }
    [[nodiscard]] const Surroundings& get() const { return node_; }

private:
    std::string root_ = "/tmp/berth-doctor-test-XXXXXX";
    Surroundings node_;
};

using Examine = std::vector<Finding> (*)(const Surroundings&);

/// "warn cgroups of Slurm: DETAIL -> REMEDY", a line each.
std::string report(Examine examine, const Node& node) {
    std::string text;
    for (const Finding& finding : examine(node.get())) {
        text += finding.health == Health::ok ? "ok " : finding.health == Health::warn ? "warn " : "fail ";
        text += finding.subject + ": " + finding.detail + (finding.remedy.empty() ? "" : " -> " + finding.remedy) + "\n";
        if (finding.health != Health::ok) CHECK(!finding.remedy.empty());
    }
    return text;
}

std::string uid_of_a_user() { return std::to_string(::geteuid() == 0 ? 1000 : ::geteuid()); }

Node& with_slurm(Node& node) {
    return node
        .with("/etc/slurm/slurm.conf", "# ProctrackType=none\nprocTrackType = proctrack/cgroup\nTaskPlugin=task/affinity,task/cgroup\n"
                                       "JobAcctGatherType=jobacct_gather/cgroup # accounting\n")
        .with("/etc/slurm/cgroup.conf", "ConstrainCores=YES\nConstrainRAMSpace=yes\nConstrainDevices=yes\nConstrainSwapSpace=no\n");
}

}  // namespace

TEST_CASE("doctor: every check has a name of its own and says what it looks at") {
    std::set<std::string_view> names;
    for (const Check& check : doctor_checks()) {
        INFO(check.name);
        CHECK(names.insert(check.name).second);
        CHECK(check.looks_at.ends_with('.'));
        CHECK(check.examine != nullptr);
    }
    CHECK(names.size() >= 18);
}

TEST_CASE("doctor: seccomp") {
    Node node;
    CHECK_THAT(report(examine_seccomp, node), Contains("fail seccomp: the kernel shows none") && Contains("ok libseccomp: 2."));
    node.with("/proc/sys/kernel/seccomp/actions_avail", "kill_process kill_thread trap errno user_notif trace log allow\n");
    CHECK_THAT(report(examine_seccomp, node), Contains("ok seccomp: kill_process kill_thread"));
    node.with("/proc/sys/kernel/seccomp/actions_avail", "kill_thread trap errno trace allow\n");
    CHECK_THAT(report(examine_seccomp, node), Contains("fail seccomp: filters have no action kill_process, log"));
}

TEST_CASE("doctor: security modules") {
    Node node;
    CHECK(report(examine_security_modules, node) == "ok security modules: not shown (securityfs is not mounted)\n");
    node.with("/sys/kernel/security/lsm", "lockdown,capability,yama,apparmor").with("/sys/module/apparmor/parameters/enabled", "Y\n");
    CHECK(report(examine_security_modules, node) == "ok security modules: lockdown,capability,yama,apparmor\nok AppArmor: enabled\n");
    node.with("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n");
    CHECK_THAT(report(examine_security_modules, node), Contains("warn AppArmor: enabled, and restricts user namespaces") && Contains("userns,"));
    node.without("/sys/module/apparmor").with("/sys/fs/selinux/enforce", "1");
    CHECK_THAT(report(examine_security_modules, node), Contains("ok SELinux: enforcing") && !Contains("AppArmor"));
    node.with("/sys/fs/selinux/enforce", "0");
    CHECK_THAT(report(examine_security_modules, node), Contains("ok SELinux: permissive"));
}

TEST_CASE("doctor: devices and file systems") {
    Node node;
    CHECK_THAT(report(examine_fuse_device, node), Contains("fail /dev/fuse"));
    CHECK_THAT(report(examine_loop_devices, node), Contains("warn loop devices"));
    node.with("/dev/fuse").with("/dev/loop-control");
    ::chmod((node.get().root + "/dev/fuse").c_str(), 0600);
    CHECK_THAT(report(examine_fuse_device, node), Contains("warn /dev/fuse: mode 0600"));
    ::chmod((node.get().root + "/dev/fuse").c_str(), 0666);
    CHECK_THAT(report(examine_fuse_device, node), Contains("ok /dev/fuse"));
    CHECK_THAT(report(examine_loop_devices, node), Contains("ok loop devices"));
    node.with("/proc/filesystems", "nodev\toverlay\n\tsquashfs\nnodev\tfuse\n");
    CHECK(report(examine_file_systems, node) ==
          "ok file system overlay: in the kernel\nok file system squashfs: in the kernel\nok file system fuse: in the kernel\n");
}

TEST_CASE("doctor: GPUs") {
    Node node;
    CHECK(report(examine_gpus, node) == "ok GPUs: none seen\n");
    node.with("/dev/nvidia0").with("/dev/nvidia1");
    CHECK_THAT(report(examine_gpus, node), Contains("warn NVIDIA: 2 devices in /dev, and no driver") && Contains("modprobe nvidia"));
    node.with("/proc/driver/nvidia/version", "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.54.03\nGCC version: 12\n").with("/dev/nvidiactl");
    CHECK_THAT(report(examine_gpus, node), Contains("missing: /dev/nvidia-uvm, libcuda.so.1") && Contains("nvidia-modprobe") && Contains("ldconfig"));
    node.with("/dev/nvidia-uvm").with("/etc/ld.so.cache", std::string("cache\0/usr/lib/libcuda.so.1\0", 28));
    CHECK(report(examine_gpus, node) == "ok NVIDIA: NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.54.03, 2 devices, /dev/nvidiactl, "
                                        "/dev/nvidia-uvm, libcuda.so.1\n");
    node.with("/etc/ld.so.cache", std::string("cache\0/usr/lib/libcuda.so.1.old\0", 32));
    CHECK_THAT(report(examine_gpus, node), Contains("missing: libcuda.so.1"));
    Node other;
    other.with("/sys/module/amdgpu/version", "6.8.5\n").with("/dev/dri/renderD128");
    CHECK(report(examine_gpus, other) == "ok AMD: amdgpu 6.8.5, 1 device in /dev/dri; no /dev/kfd, which computing needs\n");
    other.with("/dev/kfd");
    CHECK(report(examine_gpus, other) == "ok AMD: amdgpu 6.8.5, 1 device in /dev/dri, /dev/kfd\n");
}

TEST_CASE("doctor: cgroups, version 1") {
    Node node;
    CHECK_THAT(report(examine_cgroups, node), Contains("warn cgroups: none are mounted"));
    node.with("/proc/self/mounts", "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,nosuid,nodev,noexec,relatime,cpu,cpuacct 0 0\n"
                                   "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n");
    CHECK(report(examine_cgroups, node) == "ok cgroups: version 1: cpu cpuacct memory\n");
    CHECK_THAT(report(examine_cgroups, with_slurm(node)), Contains("warn cgroups of Slurm") && Contains("not mounted: cpuset devices freezer -> "));
    node.with("/etc/slurm/cgroup.conf", "ConstrainDevices=no\n").with("/etc/slurm/slurm.conf", "ProctrackType=proctrack/linuxproc\n");
    CHECK(report(examine_cgroups, node) == "ok cgroups: version 1: cpu cpuacct memory\n");
}

TEST_CASE("doctor: cgroups, version 2") {
    Node node;
    const std::string top = "/sys/fs/cgroup";
    const std::string scope = top + "/system.slice/n1_slurmstepd.scope";
    node.with(top + "/cgroup.controllers", "cpuset cpu io memory hugetlb pids\n").with(top + "/cgroup.subtree_control", "cpuset cpu memory pids\n");
    CHECK(report(examine_cgroups, node) ==
          "ok cgroups: version 2: cpuset cpu io memory hugetlb pids\nok cgroups of users: no user's systemd runs here, so that nothing is handed down\n");

    const std::string service = "/user.slice/user-" + uid_of_a_user() + ".slice/user@" + uid_of_a_user() + ".service";
    node.with(top + service + "/cgroup.controllers", "memory pids\n").with(top + "/user.slice/user-0.slice/user@0.service/cgroup.controllers");
    CHECK_THAT(report(examine_cgroups, node), Contains("warn cgroups of users: " + service + ": memory pids; without cpu") && Contains("Delegate="));
    node.with(top + service + "/cgroup.controllers", "cpu memory pids\n");
    CHECK_THAT(report(examine_cgroups, node), Contains("ok cgroups of users: " + service + ": cpu memory pids\n"));

    node.with(scope + "/cgroup.controllers", "memory pids\n").with(top + "/system.slice/cgroup.subtree_control", "memory pids\n");
    CHECK_THAT(report(examine_cgroups, node), Contains("ok cgroups of Slurm: /system.slice/n1_slurmstepd.scope; slurm.conf and cgroup.conf ask for no controller"));
    CHECK_THAT(report(examine_cgroups, with_slurm(node)), Contains("warn cgroups of Slurm: /system.slice passes on memory pids, and not cpu cpuset"));
    node.with(top + "/system.slice/cgroup.subtree_control", "cpuset cpu memory pids\n");
    CHECK_THAT(report(examine_cgroups, node), Contains("ok cgroups of Slurm: /system.slice/n1_slurmstepd.scope: cpu cpuset memory\n"));
    node.with(top + "/cgroup.subtree_control");
    CHECK_THAT(report(examine_cgroups, node), Contains("warn cgroups of Slurm: / passes on nothing, and not cpu cpuset memory"));
    node.with(top + "/cgroup.controllers", "hugetlb\n");
    CHECK_THAT(report(examine_cgroups, node), Contains("warn cgroups: version 2: hugetlb; slurm.conf and cgroup.conf ask for cpu cpuset memory"));
}

TEST_CASE("doctor: releases of Slurm whose TaskProlog ends containers") {
    Node node;
    std::string release;
    const auto found = [&] {
        std::string text;
        for (const Finding& finding : examine_release(node.get(), release))
            text += finding.subject + ": " + finding.detail + " -> " + finding.remedy + "\n";
        return text;
    };
    for (const char* const each : {"22.05.8", "24.11.0", "24.11.6", "24.11.7", "25.05.1", "25.05.2"}) {
        release = each;
        node.with("/etc/slurm/slurm.conf", "TaskPlugin=task/cgroup\n#TaskProlog=/old\nTaskEpilog=/epilog\n");
        CHECK(found() == "Slurm: " + release + " -> \n");
    }
    node.with("/etc/slurm/slurm.conf", "taskprolog = /etc/slurm/prolog.sh\n");
    for (const char* const each : {"22.05.8", "24.05.4", "24.11.7", "24.11.10", "25.05.2", "25.11.0", "26.05.1"}) {
        release = each;
        CHECK(found() == "Slurm: " + release + " -> \n");
    }
    for (const char* const each : {"24.11.0", "24.11.0-0rc1", "24.11.5", "24.11.6", "25.05.0", "25.05.1"}) {
        release = each;
        CHECK_THAT(found(), Contains("Slurm: " + release + " -> \nTaskProlog: Slurm ") && Contains("/etc/slurm/prolog.sh") && Contains("24.11.7"));
    }
}

TEST_CASE("doctor: what a program prints") {
    using namespace std::chrono_literals;
    const auto sh = [](const std::string& script, std::chrono::milliseconds limit = 10s) { return program_output("/bin/sh", {"-c", script}, limit); };
    const auto plain = sh("echo \"$0 $1\" >&2; echo one; echo two");
    REQUIRE(plain);
    CHECK(*plain == "one\ntwo\n");
    // More than a pipe holds.
    const auto large = sh("i=0; while [ $i -lt 4000 ]; do echo 0123456789012345678901234567890123456789; i=$((i+1)); done");
    REQUIRE(large);
    CHECK(large->size() == std::size_t{4000} * 41);
    const auto failed = sh("echo here; echo because >&2; exit 3");
    REQUIRE(!failed);
    CHECK(failed.error().message == "/bin/sh: because");
    CHECK(!program_output("/no/such/program", {}, 10s));
    CHECK(!sh("while :; do :; done", 100ms));
}
