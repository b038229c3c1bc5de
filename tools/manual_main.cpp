// Makes one page of the manual while Berth is built: berth_manual VERSION TEMPLATE OUTPUT. Not installed.
#include <fcntl.h>

#include <cstdio>

#include "runtime/base/io.hpp"
#include "tools/manual.hpp"

namespace {

constexpr std::size_t kMaxPage = 1U << 20;

berth::Status make(const std::string& version, const std::string& page, const std::string& output) {
    BERTH_TRY(const std::string text, berth::read_file(page, kMaxPage));
    BERTH_TRY(const std::string made, berth::tools::manual_page(text, page, version));
    BERTH_TRY(const berth::UniqueFd file, berth::open_at(AT_FDCWD, output, O_WRONLY | O_CREAT | O_TRUNC, 0644));
    return berth::write_all(file.get(), made, output);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fprintf(stderr, "berth_manual: expected VERSION TEMPLATE OUTPUT\n");
        return 1;
    }
    const auto made = make(argv[1], argv[2], argv[3]);
    if (made) return 0;
    std::fprintf(stderr, "berth_manual: %s\n", made.error().message.c_str());
    return 1;
}
