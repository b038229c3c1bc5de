// What berth-verify says about an image, as plain data. Apart from signature_check.hpp, because berth-verify itself needs
// nothing else of what makes containers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/policy/inputs.hpp"

namespace berth {

struct SignatureAnswer {
    bool unread = false;   ///< a signature is there, no hash tree, and the image was not to be read
    std::string problem;   ///< one line, for printing as it is; empty: every signature of the image's group is good
    std::vector<ImageSigner> signers;
    std::uint64_t offset = 0;  ///< the partition that is signed, in the file
    std::uint64_t bytes = 0;
    std::optional<HashTreeInfo> tree;
};

/// The answer as it travels, and as the image cache keeps it.
[[nodiscard]] std::string pack(const SignatureAnswer& answer);
/// Category::system where that is not an answer about a file of so many bytes.
[[nodiscard]] Result<SignatureAnswer> unpack_answer(const std::string& data, std::uint64_t file_bytes);

}  // namespace berth
