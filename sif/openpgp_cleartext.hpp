// The frame of OpenPGP clear-signed text (RFC 4880, section 7), read by ourselves before GnuPG sees it: one message,
// all of the object, nothing that two readers could understand differently. Says nothing about who signed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"

namespace berth::sif {

/// The longest message that is read: signed metadata of kMaxDescriptors objects fits with room to spare.
inline constexpr std::size_t kMaxCleartextSize = 1U << 20;
/// The longest line. GnuPG cuts text lines at some 19,995 bytes, and the signature would not match what was written.
inline constexpr std::size_t kMaxCleartextLine = 19'900;
/// Writers wrap base64 at 64 or 76.
inline constexpr std::size_t kMaxArmorLine = 96;
/// Lines of base64: a signature packet of a 16,384-bit key, with certificates embedded by no writer known, needs 100.
inline constexpr std::size_t kMaxArmorLines = 512;
/// "Hash:" lines, and header lines of the armour ("Version:", "Comment:").
inline constexpr std::size_t kMaxArmorHeaders = 8;

struct Cleartext {
    std::string text;                 ///< dash-escapes undone, lines ended by '\n', without the last line's
    std::vector<std::string> hashes;  ///< what "Hash:" lines name: a hint, not signed
};

/// Refuses (Category::image) anything but printable ASCII and newlines, blanks at a line's end, unescaped dashes, other
/// header lines than "Hash:", a second message, and any byte before or after. `what` begins the message.
[[nodiscard]] Result<Cleartext> parse_cleartext(std::string_view message, const std::string& what);

}  // namespace berth::sif
