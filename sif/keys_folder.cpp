#include "sif/keys_folder.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"

namespace berth::sif {
namespace {

std::string home_folder() {
    if (const char* home = std::getenv("HOME"); home != nullptr && home[0] != '\0') return home;
    const passwd* entry = ::getpwuid(::geteuid());
    return entry == nullptr || entry->pw_dir == nullptr ? "" : entry->pw_dir;
}

Status make_folder(const std::string& folder) {
    if (::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) return {};
    return errno_error(printable(folder));
}

Error refusal(const std::string& folder, const std::string& why) {
    return Error{Category::denied, 0, printable(folder) + ": " + why};
}

}  // namespace

Result<std::string> berth_folder() {
    const std::string home = home_folder();
    if (!home.starts_with('/'))
        return Error{Category::usage, 0,
                     "HOME is '" + printable(home) + "', not an absolute path: set HOME or BERTH_KEYSDIR"};
    return normal_path(home) + "/.berth";
}

Result<std::string> keys_folder() {
    if (const char* named = std::getenv("BERTH_KEYSDIR"); named != nullptr && named[0] != '\0') {
        if (named[0] != '/')
            return Error{Category::usage, 0, "BERTH_KEYSDIR is '" + printable(named) + "', not an absolute path"};
        return normal_path(named);
    }
    BERTH_TRY(const std::string folder, berth_folder());
    return folder + "/keys";
}

Status prepare_private_folder(const std::string& folder) {
    struct stat st {};
    if (::lstat(folder.c_str(), &st) != 0 && errno == ENOENT) {
        BERTH_CHECK(make_folder(folder.substr(0, folder.rfind('/'))));
        BERTH_CHECK(make_folder(folder));
    }
    auto opened = open_at(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!opened && (opened.error().number == ELOOP || opened.error().number == ENOTDIR))
        return refusal(folder,
                       "is not a folder (a symbolic link is none here); set BERTH_KEYSDIR to a folder of your own");
    if (!opened) return std::move(opened).error();
    if (::fstat(opened->get(), &st) != 0) return errno_error(printable(folder));
    if (st.st_uid != ::geteuid())
        return refusal(folder, "belongs to uid " + std::to_string(st.st_uid) +
                                   "; keys must lie in a folder of your own: set BERTH_KEYSDIR");
    if ((st.st_mode & 0077) != 0) return refusal(folder, "others can enter it; chmod 0700 " + printable(folder));
    return {};
}

}  // namespace berth::sif
