// Which folders of control groups are Slurm's, and which hierarchy has a controller.
#include "runtime/exec/cgroups.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>

using namespace berth;

TEST_CASE("The folder of a step, from that of its task or its slurmstepd") {
    CHECK(slurm_step_folder("/sys/fs/cgroup/memory/slurm_n/uid_1/job_2/step_0/task_3") == "/sys/fs/cgroup/memory/slurm_n/uid_1/job_2/step_0");
    CHECK(slurm_step_folder("/sys/fs/cgroup/memory/slurm_n/uid_1/job_2/step_batch") == "/sys/fs/cgroup/memory/slurm_n/uid_1/job_2/step_batch");
    CHECK(slurm_step_folder("/sys/fs/cgroup/system.slice/n_slurmstepd.scope/job_2/step_0/user/task_0") ==
          "/sys/fs/cgroup/system.slice/n_slurmstepd.scope/job_2/step_0");
    CHECK_FALSE(slurm_step_folder("/sys/fs/cgroup/memory/slurm_n/uid_1/job_2"));
    CHECK_FALSE(is_slurm_step("/sys/fs/cgroup/user.slice"));
}

TEST_CASE("A controller is in the hierarchy that has it, else in version 2") {
    const std::vector<CgroupPlace> places = {{{"cpu", "cpuacct"}, false, "/c/cpu", "/c/cpu/a"}, {{}, true, "/c/unified", "/c/unified/b"}};
    REQUIRE(find_place(places, "cpuacct") != nullptr);
    CHECK(find_place(places, "cpuacct")->folder == "/c/cpu/a");
    CHECK(find_place(places, "pids")->unified);
    CHECK(find_place({places[0]}, "pids") == nullptr);
}

TEST_CASE("What is no file of a control group is not written") {
    for (const char* file : {"", "..", "../memory.max", "hugetlb.x/../memory.max", "/etc/passwd", ".x"}) {
        const auto status = write_cgroup_file("/nowhere", file, "1");
        REQUIRE_FALSE(status);
        CHECK(status.error().category == Category::internal);
    }
    CHECK(write_cgroup_file("/nowhere", "memory.max", "1\n2").error().category == Category::internal);
    CHECK(write_cgroup_file("/nowhere", "memory.max", "1").error().number == ENOENT);
}

TEST_CASE("This process's own control groups are folders") {
    const auto places = cgroup_places(::getpid());
    REQUIRE(places);
    for (const auto& place : *places) CHECK(::access(place.folder.c_str(), F_OK) == 0);
    CHECK_FALSE(cgroup_places(-1));
}
