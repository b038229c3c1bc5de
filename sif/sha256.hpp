// SHA-256 of what comes in parts, by OpenSSL's plain functions: no provider is looked up and nothing is set up, which a
// process that lives for milliseconds would pay for each time. hash_tree.hpp has the digest of what is there at once.
#pragma once

#include <memory>
#include <span>

#include "sif/hash_tree.hpp"

namespace berth::sif {

class Sha256Stream {
public:
    Sha256Stream();
    Sha256Stream(const Sha256Stream&) = delete;
    Sha256Stream& operator=(const Sha256Stream&) = delete;
    ~Sha256Stream();

    void add(std::span<const std::byte> bytes) noexcept;
    /// Once, at the end.
    [[nodiscard]] Sha256 digest() noexcept;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace berth::sif
