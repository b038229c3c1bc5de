#include "runtime/exec/host_mounts.hpp"

#include <algorithm>
#include <array>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"

namespace berth {
namespace {

constexpr std::size_t kMaxMountinfo = std::size_t{64} << 20;

/// Types, as mountinfo writes them, whose files are the kernel's.
constexpr auto kKernelTypes = std::to_array<std::string_view>(
    {"binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs", "fusectl", "hugetlbfs", "mqueue",
     "nsfs", "proc", "pstore", "rpc_pipefs", "securityfs", "selinuxfs", "sysfs", "tracefs"});

/// A user can mount as many as he likes of those, which others may not look into.
bool is_served_by_users(std::string_view type) { return type == "fuse" || type == "fuseblk" || type.starts_with("fuse."); }

/// Blanks, tabs, newlines and backslashes are written as three octal digits.
std::string unescaped(std::string_view field) {
    const auto digit = [](char c) { return c >= '0' && c <= '7'; };
    std::string text;
    for (std::size_t i = 0; i < field.size(); ++i) {
        const std::string_view code = field.substr(i + 1, 3);
        if (field[i] == '\\' && code.size() == 3 && std::ranges::all_of(code, digit)) {
            text += static_cast<char>((code[0] - '0') * 64 + (code[1] - '0') * 8 + (code[2] - '0'));
            i += 3;
        } else {
            text += field[i];
        }
    }
    return text;
}

}  // namespace

std::vector<std::string> file_system_mounts(std::string_view mountinfo) {
    std::vector<std::string> paths;
    for (const std::string& line : split(mountinfo, '\n')) {
        // ID PARENT DEVICE ROOT MOUNT-POINT OPTIONS TAG… - TYPE SOURCE OPTIONS
        const auto fields = split(line, ' ');
        const auto dash = std::find(fields.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(fields.size(), 6)), fields.end(), "-");
        if (fields.end() - dash < 2) continue;
        if (std::ranges::count(kKernelTypes, std::string_view(dash[1])) > 0 || is_served_by_users(dash[1])) continue;
        std::string path = unescaped(fields[4]);
        if (!path.starts_with('/') || normal_path(path) != path || path.ends_with("//deleted")) continue;
        if (std::ranges::count(paths, path) == 0) paths.push_back(std::move(path));
    }
    return paths;
}

Result<std::vector<std::string>> file_system_mounts() {
    BERTH_TRY(const auto text, read_file("/proc/self/mountinfo", kMaxMountinfo));
    return file_system_mounts(text);
}

}  // namespace berth
