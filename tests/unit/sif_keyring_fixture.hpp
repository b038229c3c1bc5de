// What the tests of keys share: a short-lived folder (short in name too: an agent's socket path holds 107 bytes), and
// a look for agents that were left behind.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "runtime/base/io.hpp"
#include "sif/keyring.hpp"

namespace berth::sif::test {

class KeysFolder {
public:
    KeysFolder() { REQUIRE(::mkdtemp(path_.data()) != nullptr); }
    ~KeysFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    KeysFolder(const KeysFolder&) = delete;
    KeysFolder& operator=(const KeysFolder&) = delete;
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_ = "/tmp/berth-test-XXXXXX";
};

/// The processes that run and have `word` on their command line. A zombie's command line is empty.
inline int processes_with(const std::string& word) {
    int found = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const auto command = read_file(entry.path().string() + "/cmdline", 1U << 20);
        if (command.ok() && entry.path().filename() != std::to_string(::getpid()) &&
            command->find(word) != std::string::npos)
            ++found;
    }
    return found;
}

inline NewKey new_key(const std::string& name, const std::string& passphrase = {}) {
    NewKey key;
    key.name = name;
    key.email = "someone@example.org";
    key.passphrase = passphrase;
    key.algorithm = KeyAlgorithm::ed25519;  // a moment, where RSA-4096 takes seconds
    return key;
}

inline std::size_t count_of(const Result<std::vector<KeyInfo>>& keys) {
    INFO((keys.ok() ? std::string() : keys.error().message));
    REQUIRE(keys.ok());
    return keys->size();
}

/// GnuPG writes a revocation certificate beside each new key, with a colon before the armour against mishaps.
inline std::string revocation_of(const std::string& folder, const std::string& fingerprint) {
    auto text = read_file(folder + "/openpgp-revocs.d/" + fingerprint + ".rev", 1U << 20);
    REQUIRE(text.ok());
    const auto begin = text->find(":-----BEGIN");
    REQUIRE(begin != std::string::npos);
    return text->substr(begin + 1);
}

}  // namespace berth::sif::test
