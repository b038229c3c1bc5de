#include "sif/openpgp_cleartext.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "runtime/base/text.hpp"

namespace berth::sif {
namespace {

constexpr std::string_view kBegin = "-----BEGIN PGP SIGNED MESSAGE-----";
constexpr std::string_view kSignature = "-----BEGIN PGP SIGNATURE-----";
constexpr std::string_view kEnd = "-----END PGP SIGNATURE-----";

bool is_text(char c) noexcept {
    return c >= ' ' && c <= '~';
}

bool is_base64(char c) noexcept {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

class Parser {
public:
    Parser(std::string_view message, const std::string& what) : rest_(message), what_(what) {}

    Result<Cleartext> parse() {
        Cleartext result;
        BERTH_CHECK(expect(kBegin));
        BERTH_CHECK(hash_lines(result.hashes));
        BERTH_CHECK(text_lines(result.text));
        BERTH_CHECK(armor());
        if (!rest_.empty()) return fault("something follows the signature");
        return result;
    }

private:
    /// The next line without its newline. Only the last one may lack it.
    Result<std::string_view> line(std::size_t limit = kMaxCleartextLine) {
        ++number_;
        if (rest_.empty()) return fault("ends too early");
        const std::string_view found = rest_.substr(0, rest_.find('\n'));
        if (found.size() > limit) return fault(fmt::format("has {} bytes, at most {} are read", found.size(), limit));
        if (!std::ranges::all_of(found, is_text)) return fault("holds a byte that is not printable ASCII");
        if (found.ends_with(' ')) return fault("ends in a blank");
        rest_.remove_prefix(std::min(rest_.size(), found.size() + 1));
        return found;
    }

    Status expect(std::string_view wanted) {
        BERTH_TRY(const std::string_view found, line());
        if (found != wanted) return fault(fmt::format("expected \"{}\"", wanted));
        return {};
    }

    Status hash_lines(std::vector<std::string>& hashes) {
        for (std::size_t i = 0; i <= kMaxArmorHeaders; ++i) {
            BERTH_TRY(const std::string_view header, line());
            if (header.empty()) return {};
            if (!header.starts_with("Hash: ")) return fault("expected \"Hash: …\" or an empty line");
            for (const std::string& name : split(header.substr(6), ',')) hashes.emplace_back(trim(name));
        }
        return fault("too many header lines");
    }

    Status text_lines(std::string& text) {
        for (bool first = true;; first = false) {
            BERTH_TRY(std::string_view found, line());
            if (found == kSignature) return {};
            if (found.starts_with("- "))
                found.remove_prefix(2);
            else if (found.starts_with('-'))
                return fault("begins with a dash that is not escaped");
            if (!first) text += '\n';
            text += found;
        }
    }

    Status armor() {
        BERTH_CHECK(armor_headers());
        std::size_t lines = 0;
        BERTH_TRY(std::string_view found, line(kMaxArmorLine));
        for (; !found.starts_with('-') && !found.starts_with('='); ++lines) {
            if (lines == kMaxArmorLines)
                return fault(fmt::format("the signature has more than {} lines", kMaxArmorLines));
            const std::string_view digits = found.substr(0, found.find('='));
            const std::string_view padding = found.substr(digits.size());
            if (digits.empty() || padding.size() > 2 || !std::ranges::all_of(digits, is_base64) ||
                padding.find_first_not_of('=') != std::string_view::npos)
                return fault("is not base64");
            BERTH_TRY(found, line(kMaxArmorLine));
            if (!padding.empty() && !found.starts_with('-') && !found.starts_with('='))
                return fault("follows the end of the base64");
        }
        if (lines == 0) return fault("the signature is empty");
        if (found.starts_with('=')) {  // the checksum, which guards against accidents only
            if (found.size() != 5 || !std::ranges::all_of(found.substr(1), is_base64)) return fault("is no checksum");
            BERTH_TRY(found, line(kMaxArmorLine));
        }
        if (found != kEnd) return fault(fmt::format("expected \"{}\"", kEnd));
        return {};
    }

    Status armor_headers() {
        for (std::size_t i = 0; i <= kMaxArmorHeaders; ++i) {
            BERTH_TRY(const std::string_view header, line(kMaxArmorLine));
            if (header.empty()) return {};
            if (header.find(": ") == std::string_view::npos || header.starts_with('-'))
                return fault("expected a header line or an empty one");
        }
        return fault("too many header lines");
    }

    [[nodiscard]] Error fault(const std::string& problem) const {
        return Error{Category::image, 0, fmt::format("{}: clear-signed text, line {}: {}", what_, number_, problem)};
    }

    std::string_view rest_;
    const std::string& what_;
    std::size_t number_ = 0;
};

}  // namespace

Result<Cleartext> parse_cleartext(std::string_view message, const std::string& what) {
    if (message.size() > kMaxCleartextSize)
        return Error{Category::image, EFBIG,
                     fmt::format("{}: {} bytes of clear-signed text, at most {} are read", what, message.size(),
                                 kMaxCleartextSize)};
    return Parser(message, what).parse();
}

}  // namespace berth::sif
