#include "tools/new_image.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "runtime/base/text.hpp"

namespace berth::tools {

Result<std::optional<std::uint32_t>> source_date_epoch() {
    const char* text = std::getenv("SOURCE_DATE_EPOCH");
    if (text == nullptr || *text == '\0') return std::optional<std::uint32_t>{};
    std::uint32_t seconds = 0;
    const char* end = text + std::strlen(text);
    const auto [stop, failure] = std::from_chars(text, end, seconds);
    if (failure != std::errc{} || stop != end)
        return Error{
            Category::usage, 0,
            fmt::format("SOURCE_DATE_EPOCH is \"{}\", must be seconds since 1970 below 2^32", printable(text))};
    return std::optional(seconds);
}

Result<std::int64_t> image_time() {
    BERTH_TRY(const auto epoch, source_date_epoch());
    return epoch ? std::int64_t{*epoch} : std::int64_t{std::time(nullptr)};
}

mode_t image_mode() noexcept {
    const mode_t mask = ::umask(0);
    ::umask(mask);
    return 0755 & ~mask;
}

}  // namespace berth::tools
