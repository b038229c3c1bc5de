// nvliblist.conf and rocmliblist.conf.
#include "runtime/config/gpu_list.hpp"

#include <catch2/catch.hpp>
#include <filesystem>

#include "runtime/base/io.hpp"

using namespace berth;
using namespace berth::config;
using Catch::Matchers::Contains;

namespace {

std::string shown(const std::vector<Setting<std::string>>& names) {
    std::string text;
    for (const auto& name : names) text += name.value + ":" + std::to_string(name.origin.line) + " ";
    return text;
}

}  // namespace

TEST_CASE("GPU list: libraries, programs and files") {
    const auto list = parse_gpu_list("# a comment\nlibcuda.so\n\n  nvidia-smi  # behind it\r\nlibx.so.1\n/etc/OpenCL/vendors/nvidia.icd", "l.conf");
    REQUIRE(list.ok());
    CHECK(shown(list->libraries) == "libcuda.so:2 libx.so.1:5 ");
    CHECK(shown(list->programs) == "nvidia-smi:4 ");
    CHECK(shown(list->files) == "/etc/OpenCL/vendors/nvidia.icd:6 ");
    CHECK(parse_gpu_list("", "l.conf")->libraries.empty());
}

TEST_CASE("GPU list: what is wrong is said with its line") {
    const std::vector<std::pair<std::string, std::string>> cases = {
        {"a\nlibcuda*.so", "l.conf:2: 'libcuda*.so' is a pattern"},
        {"lib[ab].so", "is a pattern"},
        {"two names", "one name stands on a line"},
        {"a\x01", "has a character"},
        {"lib:x.so", "has a character"},
        {"/etc/../shadow", "not an absolute path without '..'"},
        {"/etc//x", "not an absolute path"},
        {"/", "not an absolute path"},
        {"lib/cuda.so", "neither a name nor an absolute path"},
        {"..", "not a file's name"},
        {"a\nb\na", "l.conf:3: a is named above already"},
        {std::string(300, 'a'), "is not a file's name"},
        {"/" + std::string(5000, 'a'), "longer than"},
    };
    for (const auto& [text, message] : cases) {
        INFO(text);
        const auto list = parse_gpu_list(text, "l.conf");
        REQUIRE_FALSE(list.ok());
        CHECK(list.error().category == Category::config);
        CHECK_THAT(list.error().message, Contains(message));
    }
    std::string many;
    for (std::size_t i = 0; i <= kMaxGpuListNames; ++i) many += "n" + std::to_string(i) + "\n";
    CHECK_THAT(parse_gpu_list(many, "l.conf").error().message, Contains("more than 256 names"));
}

TEST_CASE("GPU list: those that are shipped are good") {
    const auto root = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
    for (const GpuStack stack : {GpuStack::nvidia, GpuStack::rocm}) {
        const std::string path = gpu_list_path((root / "conf/berth.conf").string(), stack);
        const auto text = read_file(path, kMaxGpuListSize);
        REQUIRE(text.ok());
        const auto list = parse_gpu_list(*text, path);
        if (!list) FAIL(list.error().message);
        CHECK(list->libraries.size() > 20);
        CHECK(list->programs.size() > 2);
        CHECK(list->files.size() > 3);
    }
}
