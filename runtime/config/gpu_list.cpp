#include "runtime/config/gpu_list.hpp"

#include <algorithm>
#include <set>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/config/problem.hpp"

namespace berth::config {
namespace {

constexpr std::size_t kLongestName = 255;  // NAME_MAX
constexpr std::size_t kLongestPath = 4095;

bool is_plain(char c) { return c > ' ' && c < '\x7f' && std::string_view("\\:,;\"'`$&|<>(){}!").find(c) == std::string_view::npos; }

/// What is wrong with an entry; "" when nothing is.
std::string fault_of(std::string_view entry) {
    const std::string shown = "'" + printable(entry, 64) + "' ";
    if (entry.find_first_of("*?[]") != std::string_view::npos) return shown + "is a pattern; name each library, program or file";
    if (!std::ranges::all_of(entry, is_plain)) return shown + "has a character that no such name has; one name stands on a line";
    if (entry.starts_with('/')) {
        if (entry.size() > kLongestPath) return "a path longer than 4095 bytes";
        return normal_path(entry) == entry && entry != "/" ? "" : shown + "is not an absolute path without '..', '.' and double slashes";
    }
    if (entry.find('/') != std::string_view::npos) return shown + "is neither a name nor an absolute path";
    if (entry.size() > kLongestName || entry == "." || entry == "..") return shown + "is not a file's name";
    return "";
}

std::vector<Setting<std::string>>& part_for(GpuList& list, std::string_view entry) {
    if (entry.starts_with('/')) return list.files;
    return entry.find(".so") != std::string_view::npos ? list.libraries : list.programs;
}

}  // namespace

const char* to_string(GpuStack stack) noexcept { return stack == GpuStack::nvidia ? "NVIDIA" : "AMD"; }

Result<GpuList> parse_gpu_list(std::string_view text, const std::string& file) {
    GpuList list;
    std::set<std::string, std::less<>> seen;
    Origin here{file, 0};
    for (const std::string& line : split(text, '\n')) {
        ++here.line;
        const std::string_view entry = trim(std::string_view(line).substr(0, line.find('#')));
        if (entry.empty()) continue;
        if (const std::string fault = fault_of(entry); !fault.empty()) return Problem{here, fault}.error();
        if (!seen.emplace(entry).second) return Problem{here, std::string(entry) + " is named above already; remove one of the two"}.error();
        if (seen.size() > kMaxGpuListNames) return Problem{here, "more than " + std::to_string(kMaxGpuListNames) + " names"}.error();
        part_for(list, entry).push_back({std::string(entry), here});
    }
    return list;
}

std::string gpu_list_path(const std::string& berth_conf, GpuStack stack) {
    return berth_conf.substr(0, berth_conf.rfind('/') + 1) + (stack == GpuStack::nvidia ? "nvliblist.conf" : "rocmliblist.conf");
}

Result<GpuList> read_gpu_list(int fd, const std::string& path) {
    const auto text = read_all(fd, kMaxGpuListSize, Origin{path}.to_string());
    if (!text) return Error{Category::config, text.error().number, text.error().message};
    return parse_gpu_list(*text, path);
}

}  // namespace berth::config
