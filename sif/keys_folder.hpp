// The folder of the user's keyring: where it is, and that nobody else can reach into it.
#pragma once

#include <string>

#include "runtime/base/result.hpp"

namespace berth::sif {

/// $BERTH_KEYSDIR, else ~/.berth/keys ($HOME, else the home folder of the user database). Category::usage where that is
/// not an absolute path.
[[nodiscard]] Result<std::string> keys_folder();

/// ~/.berth, where the keyservers are listed too; the same errors.
[[nodiscard]] Result<std::string> berth_folder();

/// Makes the folder (0700), and with it the last folder above it where that is missing too; refuses one that is a
/// symbolic link, another user's, or open to others in any way: Category::denied, with the remedy. Needs no privilege.
[[nodiscard]] Status prepare_private_folder(const std::string& folder);

}  // namespace berth::sif
