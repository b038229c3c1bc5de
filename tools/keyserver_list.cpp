#include "tools/keyserver_list.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "sif/keys_folder.hpp"

namespace berth::tools {
namespace {

constexpr std::size_t kMaxFile = 64U << 10;

Result<Remote> parse_line(std::string_view line) {
    Remote server;
    for (const auto& word : split(line, ' ')) {
        if (word.empty()) continue;
        if (server.url.empty()) {
            BERTH_TRY(server.url, checked_url(word));
        } else if (word.starts_with("token=") && printable(word, kMaxFile) == word) {
            server.token = word.substr(6);
        } else if (word.starts_with("ca=/")) {
            server.ca_file = word.substr(3);
        } else {
            const std::string key = word.substr(0, std::min(word.find('='), word.size()));
            return Error{Category::usage, 0,
                         "'" + printable(key, 32) + "' is not understood; write: URL [token=TOKEN] [ca=/FILE]"};
        }
    }
    return server;
}

/// What the file says; nothing where there is none.
Result<std::vector<Remote>> listed_keyservers() {
    BERTH_TRY(const std::string folder, sif::berth_folder());
    const std::string path = folder + "/keyservers";
    auto file = open_at(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!file && file.error().number == ENOENT) return std::vector<Remote>{};
    if (!file) return std::move(file).error();
    struct stat st {};
    if (::fstat(file->get(), &st) != 0) return errno_error(path);
    if (!S_ISREG(st.st_mode) || st.st_uid != ::geteuid())
        return Error{Category::denied, 0, printable(path) + ": must be a file of your own"};
    if ((st.st_mode & 0077) != 0)
        return Error{Category::denied, 0,
                     printable(path) + ": others can read it, and it holds tokens; chmod 0600 " + printable(path)};
    BERTH_TRY(const std::string text, read_all(file->get(), kMaxFile, path));
    return parse_keyservers(text, path);
}

}  // namespace

Result<std::vector<Remote>> parse_keyservers(std::string_view text, const std::string& name) {
    std::vector<Remote> servers;
    int number = 0;
    for (const auto& line : split(text, '\n')) {
        ++number;
        const auto content = trim(line);
        if (content.empty() || content.front() == '#') continue;
        auto server = parse_line(content);
        if (!server) return std::move(server).error().within(printable(name) + ":" + std::to_string(number));
        servers.push_back(std::move(*server));
    }
    return servers;
}

Result<Remote> choose_keyserver(const std::string& url) {
    BERTH_TRY(const auto servers, listed_keyservers());
    const char* variable = std::getenv("BERTH_KEYSERVER");
    std::string named = !url.empty() ? url : variable == nullptr ? "" : variable;
    if (named.empty() && !servers.empty()) return servers.front();
    Remote server;
    BERTH_TRY(server.url, checked_url(named.empty() ? std::string(kDefaultKeyserver) : named));
    const auto known =
        std::ranges::find_if(servers, [&](const Remote& each) { return same_origin(each.url, server.url); });
    if (known != servers.end()) {
        server.token = known->token;
        server.ca_file = known->ca_file;
    }
    return server;
}

}  // namespace berth::tools
