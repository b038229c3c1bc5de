// Whether an image is signed by somebody whose key is known here: asked of berth-verify, a process that has no power
// and whose answer decides about nothing but this image.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "runtime/base/result.hpp"
#include "runtime/exec/signature_answer.hpp"

namespace berth {

/// How an image may be verified.
enum class ImageReading {
    tree,           ///< by its hash tree alone; without one the answer is `unread`
    tree_or_whole,  ///< by its hash tree where there is one, else by reading every byte
    whole           ///< by reading every byte: what will be mounted without the tree
};

/// What is checked, by whom, with which keys. Descriptors are borrowed.
struct SignatureCheck {
    int image = -1;
    std::string image_path;  ///< for messages
    int site_keyring = -1;   ///< the file's contents are the keys of the site; -1: it has none
    bool users_keys = false;  ///< the keys of the user's own keyring count too
    ImageReading reading = ImageReading::tree;
    /// Root starts the process as this user, in namespaces of its own (make_checkers_namespaces()).
    /// Without: it runs as the caller.
    std::optional<std::pair<uid_t, gid_t>> run_as;
};

/// Runs the check, which ends within `limit` (Category::system, ETIMEDOUT). A crash or nonsense of the process is an
/// error. The ranges of the answer lie within a file of `file_bytes` bytes.
[[nodiscard]] Result<SignatureAnswer> check_signature(const SignatureCheck& check, std::uint64_t file_bytes,
                                                      std::chrono::milliseconds limit);

}  // namespace berth
