// How keys are shown.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sif/keyring.hpp"

namespace berth::tools {

/// "2024-05-31 12:00:00 UTC".
[[nodiscard]] std::string time_text(std::int64_t seconds);
/// "revoked", "expired", "disabled", or "" for a key that is good.
[[nodiscard]] std::string state_text(const sif::KeyInfo& key);
/// The first user id, for one line of a terminal.
[[nodiscard]] std::string user_text(const sif::KeyInfo& key);
/// A numbered entry of a list, several lines, with a newline at its end. `sign --keyidx` counts the same way.
[[nodiscard]] std::string list_entry(std::size_t number, const sif::KeyInfo& key);
[[nodiscard]] nlohmann::ordered_json key_json(const sif::KeyInfo& key);

}  // namespace berth::tools
