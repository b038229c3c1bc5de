// What is found of a GPU's stack, on a node that is this machine: its C library stands for a driver's.
#include "runtime/exec/gpu_files.hpp"

#include <catch2/catch.hpp>

using namespace berth;
using Catch::Matchers::Contains;

namespace {

config::GpuList list_of(const std::string& text) {
    auto list = config::parse_gpu_list(text, "l.conf");
    REQUIRE(list.ok());
    return *std::move(list);
}

const GpuFile* at(const GpuFacts& facts, const std::string& destination) {
    for (const GpuFile& file : facts.files)
        if (file.destination == destination) return &file;
    return nullptr;
}

}  // namespace

TEST_CASE("GPU files: libraries by ld.so's cache, programs by folders, files by their paths") {
    const auto found = find_gpu_files(list_of("libm.so\nlibno-such.so\nenv\nno-such-program\n/etc/passwd\n/no/such/file\n"));
    if (!found) {
        WARN("skipped: this machine's ld.so cache is not root's alone: " + found.error().message);
        return;
    }
    const GpuFile* const exact = at(*found, "/.singularity.d/libs/libm.so.6");
    if (exact == nullptr) {
        WARN("skipped: libm is not root's alone here");
        return;
    }
    CHECK(exact->kind == GpuFile::Kind::library);
    REQUIRE(at(*found, "/.singularity.d/libs/libm.so") != nullptr);
    REQUIRE(at(*found, "/usr/bin/env") != nullptr);
    CHECK(at(*found, "/usr/bin/env")->kind == GpuFile::Kind::program);
    REQUIRE(at(*found, "/etc/passwd") != nullptr);
    CHECK(found->files.size() <= 6);
    CHECK(found->needs_glibc);
}

TEST_CASE("GPU files: without a cache there are no libraries") {
    const auto found = find_gpu_files(list_of("libm.so\n"), {"/no/such/ld.so.cache", {}});
    REQUIRE(found.ok());
    CHECK(*found == GpuFacts{});
}

TEST_CASE("GPU files: what nvidia-container-cli prints, as a list") {
    const auto list = list_of_nvidia(
        "/usr/lib/x86_64-linux-gnu/libcuda.so.535.104\n/usr/lib/x86_64-linux-gnu/libcuda.so.1\n/usr/bin/nvidia-smi\n/run/nvidia-persistenced/socket\n\n", "cli");
    REQUIRE(list.ok());
    REQUIRE(list->libraries.size() == 1);
    CHECK(list->libraries[0].value == "libcuda.so");
    REQUIRE(list->programs.size() == 1);
    CHECK(list->programs[0].value == "nvidia-smi");
    REQUIRE(list->files.size() == 1);
    CHECK(list->files[0].value == "/run/nvidia-persistenced/socket");
    CHECK_THAT(list_of_nvidia("oops: no driver\n", "cli").error().message, Contains("no path"));
    CHECK(list_of_nvidia("", "cli")->libraries.empty());
}
