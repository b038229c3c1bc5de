#include "runtime/fuse/options.hpp"

#include <climits>
#include <string>
#include <string_view>

#include "runtime/base/checked.hpp"
#include "runtime/base/whole_number.hpp"

namespace berth::fuse {
namespace {

constexpr std::uint64_t kFirstPassedFd = 3;

Error bad_value(std::string_view name, std::string_view value, const char* wanted) {
    return Error{Category::usage, EINVAL, std::string(name) + ": '" + std::string(value) + "' is not " + wanted};
}

std::optional<std::uint64_t> number(std::string_view text, std::uint64_t least, std::uint64_t most) {
    const auto value = whole_number<std::uint64_t>(text);
    return value && *value >= least && *value <= most ? value : std::nullopt;
}

// -1 means "leave as it is" to setresuid and chown, so it is no id.
std::optional<Identity> identity(std::string_view text) {
    constexpr std::uint64_t kMost = UINT_MAX - 1;
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto uid = number(text.substr(0, colon), 0, kMost);
    const auto gid = number(text.substr(colon + 1), 0, kMost);
    if (!uid || !gid) return std::nullopt;
    return Identity{static_cast<uid_t>(*uid), static_cast<gid_t>(*gid)};
}

std::optional<std::array<std::byte, 32>> digest(std::string_view text) {
    std::array<std::byte, 32> bytes{};
    if (text.size() != 2 * bytes.size()) return std::nullopt;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const auto value = whole_number<std::uint8_t>(text.substr(2 * i, 2), 16);
        if (!value) return std::nullopt;
        bytes[i] = static_cast<std::byte>(*value);
    }
    return bytes;
}

Status store_tree(std::optional<Tree>& field, std::string_view name, std::string_view value) {
    const auto first = value.find(':');
    const auto second = first == std::string_view::npos ? first : value.find(':', first + 1);
    if (second != std::string_view::npos) {
        const auto offset = number(value.substr(0, first), 0, INT64_MAX);
        const auto size = number(value.substr(first + 1, second - first - 1), 1, INT64_MAX);
        const auto root = digest(value.substr(second + 1));
        if (offset && size && root) {
            field = Tree{*offset, *size, *root};
            return {};
        }
    }
    return bad_value(name, value, "OFFSET:SIZE:SHA256");
}

template <typename T>
Status store_number(T& field, std::string_view name, std::string_view value, std::uint64_t least, std::uint64_t most,
                    const char* wanted, std::uint64_t unit = 1) {
    const auto parsed = number(value, least, most);
    if (!parsed) return bad_value(name, value, wanted);
    field = static_cast<T>(*parsed * unit);
    return {};
}

Status store_identity(std::optional<Identity>& field, std::string_view name, std::string_view value) {
    field = identity(value);
    if (!field) return bad_value(name, value, "UID:GID");
    return {};
}

Status store(Options& options, std::string_view name, std::string_view value) {
    constexpr const char* kFd = "a descriptor above 2";
    if (name == "--parent-fd") return store_number(options.parent_fd, name, value, kFirstPassedFd, INT_MAX, kFd);
    if (name == "--image-fd") return store_number(options.image_fd, name, value, kFirstPassedFd, INT_MAX, kFd);
    if (name == "--offset") return store_number(options.offset, name, value, 0, INT64_MAX, "a number of bytes");
    if (name == "--size") return store_number(options.size, name, value, 1, INT64_MAX, "a positive number of bytes");
    if (name == "--tree") return store_tree(options.tree, name, value);
    if (name == "--owner") return store_identity(options.owner, name, value);
    if (name == "--user") return store_identity(options.user, name, value);
    if (name == "--threads") return store_number(options.threads, name, value, 1, 16, "a number from 1 to 16");
    if (name == "--max-memory")
        return store_number(options.max_memory, name, value, kMinMemoryMiB, UINT64_C(1) << 20, "64 MiB to 1 TiB", kMiB);
    if (name == "--request-cpu-seconds")
        return store_number(options.request_cpu_seconds, name, value, 1, 3600, "a number from 1 to 3600");
    return Error{Category::usage, EINVAL, "unknown option '" + std::string(name) + "'"};
}

Status check(const Options& options) {
    if (options.parent_fd < 0 || options.image_fd < 0 || options.size == 0)
        return Error{Category::usage, EINVAL, "--parent-fd, --image-fd, --offset and --size are needed"};
    if (options.parent_fd == options.image_fd)
        return Error{Category::usage, EINVAL, "--parent-fd and --image-fd must differ"};
    const auto end = checked_add(options.offset, options.size);
    if (!end || *end > INT64_MAX) return Error{Category::usage, EOVERFLOW, "--offset plus --size is out of range"};
    if (options.user && (options.user->uid == 0 || options.user->gid == 0))
        return Error{Category::usage, EINVAL, "--user: neither id may be 0"};
    return {};
}

}  // namespace

Result<Options> parse_options(std::span<const char* const> arguments) {
    Options options;
    options.max_memory = kDefaultMemoryMiB * kMiB;
    options.request_cpu_seconds = kDefaultRequestCpuSeconds;
    for (std::size_t i = 0; i < arguments.size(); i += 2) {
        if (i + 1 == arguments.size())
            return Error{Category::usage, EINVAL, std::string(arguments[i]) + ": needs a value"};
        BERTH_CHECK(store(options, arguments[i], arguments[i + 1]));
    }
    BERTH_CHECK(check(options));
    return options;
}

}  // namespace berth::fuse
