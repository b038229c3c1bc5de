#include "runtime/exec/cgroup_settings.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <string_view>

#include "runtime/base/text.hpp"
#include "runtime/exec/cgroups.hpp"

namespace berth {
namespace {

std::uint64_t number_of(std::string_view text) {
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

/// The number behind NAME in a file of "NAME NUMBER" lines; 0 where there is none.
std::uint64_t counter(const std::string& folder, const std::string& file, const std::string& name) {
    const auto text = read_cgroup_file(folder, file);
    if (!text) return 0;
    for (const auto& line : split(*text, '\n'))
        if (line.starts_with(name + " ")) return number_of(std::string_view(line).substr(name.size() + 1));
    return 0;
}

std::uint64_t number_in(const std::string& folder, const std::string& file) {
    const auto text = read_cgroup_file(folder, file);
    return text ? number_of(*text) : 0;
}

/// "104857600 bytes (100 MiB)".
std::string size_text(const std::string& bytes) {
    const auto number = number_of(bytes);
    return number >= 1U << 20 ? fmt::format("{} MiB", number >> 20) : fmt::format("{} bytes", number);
}

bool exists(const std::string& folder, const std::string& file) { return ::access((folder + "/" + file).c_str(), F_OK) == 0; }

Error no_such_file(const CgroupSetting& setting) {
    return Error{Category::unsupported, ENOENT, "this node's kernel has no " + setting.file + (setting.other_file.empty() ? "" : " and no " + setting.other_file)};
}

/// checkBeforeUpdate: a limit below what is used already would kill, not limit.
Status check_usage(const std::string& folder, const CgroupSetting& setting, const std::string& text) {
    if (setting.usage_file.empty()) return {};
    BERTH_TRY(const auto used, read_cgroup_file(folder, setting.usage_file));
    if (text == "max" || text == "-1" || number_of(used) <= number_of(text)) return {};
    return Error{Category::denied, 0, used + " bytes are used already (memory.checkBeforeUpdate)"};
}

Status write_number(const std::string& folder, const std::string& file, const std::string& text) {
    BERTH_CHECK(write_cgroup_file(folder, file, text));
    if (text == "max" || text == "-1") return {};
    BERTH_TRY(const auto holds, read_cgroup_file(folder, file));
    if (number_of(holds) <= number_of(text) && holds != "max") return {};
    return Error{Category::unsupported, 0, "this node's kernel takes " + text + " for " + file + ", and keeps " + holds};
}

}  // namespace

Result<bool> has_file(const std::string& folder, const CgroupSetting& setting) {
    if (exists(folder, setting.file)) return true;
    if (setting.other_file.empty() || !exists(folder, setting.other_file)) return no_such_file(setting);
    return false;
}

Result<std::string> standing_value(const std::string& folder, const CgroupSetting& setting) {
    if (!exists(folder, setting.file)) return no_such_file(setting);
    if (setting.comparison == Comparison::set)
        if (auto effective = read_cgroup_file(folder, setting.file + ".effective")) return effective;
    BERTH_TRY(auto text, read_cgroup_file(folder, setting.file));
    if (setting.period_file.empty()) return text;
    BERTH_TRY(const auto period, read_cgroup_file(folder, setting.period_file));
    return text + " " + period;
}

Status write_setting(const std::string& folder, const CgroupSetting& setting, const std::string& text) {
    BERTH_CHECK(check_usage(folder, setting, text));
    if (!setting.period_file.empty()) {
        const auto blank = text.find(' ');
        BERTH_CHECK(write_cgroup_file(folder, setting.period_file, text.substr(blank + 1)));
        return write_cgroup_file(folder, setting.file, text.substr(0, blank));
    }
    if (!exists(folder, setting.file)) return no_such_file(setting);
    return setting.comparison == Comparison::at_most ? write_number(folder, setting.file, text) : write_cgroup_file(folder, setting.file, text);
}

std::optional<std::string> out_of_memory_at(const std::string& folder, const std::vector<DecidedLimit>& limits) {
    const bool unified = exists(folder, "memory.events");
    const auto killed = unified ? counter(folder, "memory.events", "oom_kill") : counter(folder, "memory.oom_control", "oom_kill");
    if (killed == 0) return std::nullopt;
    const std::string processes = killed == 1 ? "a process" : fmt::format("{} processes", killed);
    for (const DecidedLimit& limit : limits) {
        if (limit.setting.controller != "memory" || limit.setting.comparison != Comparison::at_most) continue;
        const bool hit = unified ? counter(folder, "memory.events", "oom") > 0
                         : limit.setting.file == "memory.memsw.limit_in_bytes" ? number_in(folder, "memory.memsw.failcnt") > 0
                                                                      : number_in(folder, "memory.failcnt") > 0;
        if (hit) return fmt::format("out of memory: the kernel killed {}: more than {} ({})", processes, size_text(limit.effective), limit.setting.from);
    }
    for (const DecidedLimit& limit : limits) {
        // "104857600 (step)"
        const auto level = limit.above.find(" (");
        if (limit.setting.controller == "memory" && level != std::string::npos)
            return fmt::format("out of memory: the kernel killed {}: more than {}, which is Slurm's limit of the {}", processes,
                               size_text(limit.above.substr(0, level)), limit.above.substr(level + 2, limit.above.size() - level - 3));
    }
    return fmt::format("out of memory: the kernel killed {} for a limit above the container's own", processes);
}

}  // namespace berth
