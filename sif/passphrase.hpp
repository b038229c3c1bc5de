// How the passphrase of a secret key is asked for.
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace berth::sif {

struct PassphraseRequest {
    std::string key;            ///< whose: "ID USER ID"; may be empty. Anyone's bytes: show it through printable()
    bool wrong_before = false;  ///< the answer to the last request was wrong
};

/// Gives the passphrase, or nothing to give up. Called while the operation that needs it runs; may not throw.
using PassphraseSource = std::function<std::optional<std::string>(const PassphraseRequest&)>;

}  // namespace berth::sif
