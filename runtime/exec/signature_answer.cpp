#include "runtime/exec/signature_answer.hpp"

#include <algorithm>

#include "runtime/base/checked.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/wire.hpp"

namespace berth {
namespace {

constexpr std::size_t kMaxSigners = 64;
constexpr std::size_t kMaxText = 4096;

bool lies_within(std::uint64_t offset, std::uint64_t bytes, std::uint64_t file_bytes) {
    const auto end = checked_add(offset, bytes);
    return end && *end <= file_bytes && bytes > 0;
}

void pack_range(Packer& packer, std::uint64_t offset, std::uint64_t bytes) {
    packer.number(offset);
    packer.number(bytes);
}

}  // namespace

std::string pack(const SignatureAnswer& answer) {
    Packer packer;
    packer.number(answer.unread ? 1 : 0);
    packer.text(answer.problem);
    packer.number(answer.signers.size());
    for (const ImageSigner& signer : answer.signers) {
        packer.text(signer.key);
        packer.text(signer.name);
    }
    pack_range(packer, answer.offset, answer.bytes);
    packer.number(answer.tree ? 1 : 0);
    if (answer.tree) {
        pack_range(packer, answer.tree->offset, answer.tree->bytes);
        packer.text({reinterpret_cast<const char*>(answer.tree->root.data()), answer.tree->root.size()});
    }
    return packer.data();
}

Result<SignatureAnswer> unpack_answer(const std::string& data, std::uint64_t file_bytes) {
    Unpacker unpacker(data);
    SignatureAnswer answer;
    answer.unread = unpacker.number() != 0;
    answer.problem = printable(unpacker.text(), kMaxText);
    for (std::uint64_t count = unpacker.number(); unpacker.ok() && count > 0 && answer.signers.size() < kMaxSigners; --count) {
        std::string key = printable(unpacker.text());
        answer.signers.push_back({std::move(key), printable(unpacker.text())});
    }
    answer.offset = unpacker.number();
    answer.bytes = unpacker.number();
    if (unpacker.number() != 0) {
        HashTreeInfo tree;
        tree.offset = unpacker.number();
        tree.bytes = unpacker.number();
        const std::string root = unpacker.text();
        if (root.size() != tree.root.size()) return Error{Category::system, EPROTO, "an answer about a signature is malformed"};
        std::ranges::transform(root, tree.root.begin(), [](char c) { return static_cast<std::byte>(c); });
        answer.tree = tree;
    }
    const bool good = answer.problem.empty() && !answer.unread;
    const bool placed = lies_within(answer.offset, answer.bytes, file_bytes) &&
                        (!answer.tree || lies_within(answer.tree->offset, answer.tree->bytes, file_bytes));
    if (!unpacker.complete() || (good && (!placed || answer.signers.empty())))
        return Error{Category::system, EPROTO, "an answer about a signature is malformed"};
    return answer;
}

}  // namespace berth
