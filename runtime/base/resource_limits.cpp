#include "runtime/base/resource_limits.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "runtime/base/io.hpp"

namespace berth {

Status lower_limit(__rlimit_resource resource, rlim_t most, const char* name) {
    rlimit limit{};
    if (::getrlimit(resource, &limit) != 0) return errno_error(name);
    limit.rlim_max = std::min(limit.rlim_max, most);
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(resource, &limit) != 0) return errno_error(name);
    return {};
}

Status limit_memory(std::uint64_t more) {
    BERTH_TRY(const std::string statm, read_file("/proc/self/statm", 256));
    const std::uint64_t pages = std::strtoull(statm.c_str(), nullptr, 10);
    return lower_limit(RLIMIT_AS, pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) + more, "RLIMIT_AS");
}

Status give_up_oom_protection() {
    constexpr const char* kPath = "/proc/self/oom_score_adj";
    const auto score = read_file(kPath, 64);
    if (!score || !score->starts_with('-')) return {};
    BERTH_TRY(const auto file, open_at(AT_FDCWD, kPath, O_WRONLY));
    return write_all(file.get(), "0", kPath);
}

}  // namespace berth
