#include "runtime/base/result.hpp"

namespace berth {

const char* to_string(Category category) noexcept {
    switch (category) {
        case Category::usage: return "usage";
        case Category::denied: return "denied";
        case Category::config: return "config";
        case Category::image: return "image";
        case Category::unsupported: return "unsupported";
        case Category::system: return "system";
        case Category::internal: return "internal";
    }
    return "internal";
}

Error errno_error(std::string what, int number, Category category) {
    what += ": ";
    what += std::strerror(number);
    return Error{category, number, std::move(what)};
}

}  // namespace berth
