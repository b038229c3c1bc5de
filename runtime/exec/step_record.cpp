#include "runtime/exec/step_record.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <tuple>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/whole_number.hpp"
#include "runtime/config/trusted_file.hpp"
#include "runtime/exec/process_identity.hpp"

namespace berth {
namespace {

constexpr std::size_t kMaxRecord = 1U << 20;
constexpr std::size_t kMaxRecords = 65536;

std::string file_name(const StepName& name) {
    return std::to_string(name.job) + "." + std::to_string(name.step) + "." + std::to_string(name.daemon) + "." + std::to_string(name.daemon_started);
}

template <typename T>
bool read_number(const std::string& text, T& number) {
    const auto read = whole_number<T>(text);
    number = read.value_or(0);
    return read.has_value();
}

std::optional<StepName> name_of_file(const std::string& file) {
    const auto parts = split(file, '.');
    StepName name;
    if (parts.size() != 4 || !read_number(parts[0], name.job) || !read_number(parts[1], name.step) || !read_number(parts[2], name.daemon) ||
        !read_number(parts[3], name.daemon_started))
        return std::nullopt;
    return name;
}

bool runs(const StepName& name) {
    const auto started = process_start_time(name.daemon);
    return started && *started == name.daemon_started;
}

Result<UniqueFd> open_records() {
    for (const char* folder : {"/run/berth", kStepRecords})
        if (::mkdir(folder, 0755) != 0 && errno != EEXIST) return errno_error(folder);
    return config::open_trusted_folder(kStepRecords);
}

std::vector<StepName> names_in(int folder) {
    std::vector<StepName> names;
    const int fd = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(fd < 0 ? nullptr : ::fdopendir(fd), ::closedir);
    while (const dirent* entry = stream ? ::readdir(stream.get()) : nullptr)
        if (const auto name = name_of_file(entry->d_name); name && names.size() < kMaxRecords) names.push_back(*name);
    return names;
}

/// acl(5), in the form of linux/posix_acl_xattr.h.
void let_read(int file, uid_t user) {
    struct {
        posix_acl_xattr_header header{};
        std::array<posix_acl_xattr_entry, 5> entries{};
    } list;
    constexpr auto kNobody = static_cast<std::uint32_t>(ACL_UNDEFINED_ID);
    list.header.a_version = POSIX_ACL_XATTR_VERSION;
    list.entries = {posix_acl_xattr_entry{ACL_USER_OBJ, ACL_READ | ACL_WRITE, kNobody}, {ACL_USER, ACL_READ, user},
                    {ACL_GROUP_OBJ, 0, kNobody}, {ACL_MASK, ACL_READ, kNobody}, {ACL_OTHER, 0, kNobody}};
    static_cast<void>(::fsetxattr(file, "system.posix_acl_access", &list, sizeof list, 0));
}

}  // namespace

Status write_step_record(const StepName& name, uid_t user, const std::string& text) {
    BERTH_TRY(const UniqueFd folder, open_records());
    for (const StepName& other : names_in(folder.get()))
        if (!runs(other)) ::unlinkat(folder.get(), file_name(other).c_str(), 0);
    const std::string file = file_name(name);
    const UniqueFd fd(::openat(folder.get(), file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) return errno_error(std::string(kStepRecords) + "/" + file);
    BERTH_CHECK(write_all(fd.get(), text, file));
    if (user != 0) let_read(fd.get(), user);
    return {};
}

void remove_step_record(const StepName& name) noexcept {
    ::unlink((std::string(kStepRecords) + "/" + file_name(name)).c_str());
}

std::vector<StepName> step_records() {
    const auto folder = config::open_trusted_folder(kStepRecords);
    if (!folder) return {};
    auto names = names_in(folder->get());
    std::erase_if(names, [](const StepName& name) { return !runs(name); });
    std::ranges::sort(names, {}, [](const StepName& name) { return std::tuple(name.job, name.step, name.daemon); });
    return names;
}

Result<std::string> read_step_record(const StepName& name) {
    auto text = read_file(std::string(kStepRecords) + "/" + file_name(name), kMaxRecord);
    if (!text && text.error().number == EACCES) return Error{Category::denied, EACCES, "the step belongs to somebody else: ask root"};
    return text;
}

}  // namespace berth
