#include "runtime/exec/host_mounts.hpp"

#include <catch2/catch.hpp>

using namespace berth;

TEST_CASE("host mounts: file systems with files, by their unescaped names") {
    const std::string text =
        "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        "22 21 0:5 / /proc rw - proc proc rw\n"
        "23 21 0:6 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n"
        "24 21 0:30 /x /scratch rw shared:2 master:1 - lustre mds:/x rw\n"
        "25 21 0:31 / /with\\040blank\\134 rw - nfs4 s:/a rw\n"
        "26 24 0:32 / /scratch rw - xfs /dev/sdb rw\n"
        "27 21 0:33 / /auto rw - autofs systemd-1 rw\n"
        "28 21 0:34 / /gone//deleted rw - ext4 /dev/sdc rw\n"
        "29 21 0:35 / /odd\\9 rw - ext4 /dev/sdd rw\n";
    CHECK(file_system_mounts(text) == std::vector<std::string>{"/", "/scratch", "/with blank\\", "/auto", "/odd\\9"});
}

TEST_CASE("host mounts: lines that are none are passed over") {
    for (const char* text : {"", "\n\n", "a b c", "1 2 3 4 /x rw", "1 2 3 4 /x rw -", "1 2 3 4 /x rw - ext4", "1 2 3 4 relative rw - ext4 /dev/sda rw",
                             "1 2 3 4 /a/../b rw - ext4 /dev/sda rw"})
        CHECK(file_system_mounts(text).size() == (std::string(text) == "1 2 3 4 /x rw - ext4" ? 1U : 0U));
}

TEST_CASE("host mounts: this machine has some") {
    const auto mounts = file_system_mounts();
    REQUIRE(mounts.ok());
    for (const auto& path : *mounts) CHECK(path.starts_with('/'));
}
