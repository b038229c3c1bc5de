#include "tools/new_image.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdlib>
#include <ctime>

#include "runtime/base/text.hpp"
#include "runtime/base/whole_number.hpp"

namespace berth::tools {

Result<std::optional<std::uint32_t>> source_date_epoch() {
    const char* text = std::getenv("SOURCE_DATE_EPOCH");
    if (text == nullptr || *text == '\0') return std::optional<std::uint32_t>{};
    const auto seconds = whole_number<std::uint32_t>(text);
    if (!seconds)
        return Error{
            Category::usage, 0,
            fmt::format("SOURCE_DATE_EPOCH is \"{}\", must be seconds since 1970 below 2^32", printable(text))};
    return seconds;
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
