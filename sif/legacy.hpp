// The older form of signatures: one hash of objects' bytes, and nothing of any descriptor or of the header.
#pragma once

#include <string_view>

#include "sif/digest.hpp"

namespace berth::sif {

/// True for the signed text of a legacy signature ("SIFHASH:" and a line of hex).
[[nodiscard]] bool is_legacy_text(std::string_view text) noexcept;

/// The digest in it. The text does not name the hash, the descriptor of the signature object does; another length than
/// that hash's is refused (Category::image).
[[nodiscard]] Result<Digest> parse_legacy_text(std::string_view text, HashKind hash);

}  // namespace berth::sif
