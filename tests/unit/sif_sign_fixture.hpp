// Images that the tests of signatures sign and attack.
#pragma once

#include <cstring>

#include "sif/dsse.hpp"
#include "sif/keyring.hpp"
#include "sif/sign.hpp"
#include "sif/verify.hpp"
#include "sif_fixture.hpp"
#include "sif_sign_keys.hpp"

namespace berth::sif::test {

/// A file with a name, as an editor needs it; goes with the object.
class NamedFile {
public:
    explicit NamedFile(const std::string& bytes) : path_("/tmp/berth-sign-test-XXXXXX") {
        const UniqueFd fd(::mkstemp(path_.data()));
        REQUIRE(fd.valid());
        REQUIRE(write_all(fd.get(), bytes, path_).ok());
    }
    NamedFile(const NamedFile&) = delete;
    NamedFile& operator=(const NamedFile&) = delete;
    ~NamedFile() { ::unlink(path_.c_str()); }
    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::string bytes() const { return *read_file(path_, 64U << 20); }

private:
    std::string path_;
};

inline Signer test_signer(const char* pem = kPrivate_ed25519) {
    auto signer = dsse_signer(pem, "key.pem");
    REQUIRE(signer.ok());
    return *std::move(signer);
}

inline VerifyKeys test_keys(std::initializer_list<const char*> pems = {kPublic_ed25519}) {
    VerifyKeys keys;
    for (const char* pem : pems) {
        auto key = VerificationKey::from_pem(pem, "key.pem");
        REQUIRE(key.ok());
        keys.keys.push_back(*std::move(key));
    }
    return keys;
}

/// Objects 1 and 2 in group 1, object 3 in group 2.
inline WriteRequest plain_request() {
    WriteRequest request = sample_request();
    request.objects.resize(3);
    request.objects[1].bytes.resize(600);
    return request;
}

/// The image's bytes with one more signature.
inline std::string sign_bytes(const std::string& image, const SignRequest& request = {},
                              const Signer& signer = test_signer()) {
    const NamedFile file(image);
    {
        auto editor = Editor::open(file.path());
        INFO((editor ? "" : editor.error().message));
        REQUIRE(editor.ok());
        const auto ids = sign(*editor, request, signer);
        INFO((ids ? "" : ids.error().message));
        REQUIRE(ids.ok());
    }
    return file.bytes();
}

/// The image with signatures 4 (group 1) and 5 (group 2).
inline std::string signed_image() {
    return sign_bytes(image_of(plain_request()));
}

/// Nothing when the reader refuses the image, or it cannot be verified at all.
inline std::optional<VerifyReport> verify_file(const MemoryFile& file, VerifyKeys& keys,
                                               const VerifyRequest& request = {}) {
    const auto image = Image::open(file.fd(), "x.sif");
    if (!image) return std::nullopt;
    auto report = verify(*image, request, keys);
    if (!report) return std::nullopt;
    CHECK(report->all_verified() == report->first_problem().empty());
    return *std::move(report);
}

inline std::optional<VerifyReport> verify_bytes(const std::string& bytes, const VerifyRequest& request = {}) {
    const MemoryFile file(bytes);
    VerifyKeys keys = test_keys();
    return verify_file(file, keys, request);
}

/// The first failure; none when all is verified; not_checked when the image or the request was refused.
inline Failure failure_of(const std::optional<VerifyReport>& report) {
    if (!report) return Failure::not_checked;
    for (const auto& signature : report->signatures)
        if (signature.failure != Failure::none) return signature.failure;
    if (!report->problems.empty()) return report->problems.front().failure;
    CHECK(report->all_verified());
    return Failure::none;
}

/// Where the descriptor of the object with this id (in order of writing, from 1) begins.
inline std::size_t descriptor_at(std::uint32_t id) {
    return kDescriptorsOffset + (id - 1) * kDescriptorSize;
}

/// The image with one object's descriptor changed.
inline std::string with_descriptor(std::string bytes, std::uint32_t id, auto change) {
    const std::size_t at = descriptor_at(id);
    std::array<std::byte, kDescriptorSize> raw{};
    std::memcpy(raw.data(), &bytes.at(at), raw.size());
    Descriptor descriptor = decode_descriptor(raw);
    change(descriptor);
    const auto encoded = encode(descriptor);
    bytes.replace(at, kDescriptorSize, reinterpret_cast<const char*>(encoded.data()), kDescriptorSize);
    return bytes;
}

/// The image with one more object, appended as an editor would.
inline std::string with_object(const std::string& bytes, NewObject object) {
    const NamedFile file(bytes);
    {
        auto editor = Editor::open(file.path());
        REQUIRE(editor.ok());
        REQUIRE(editor->append(std::move(object), 0).ok());
    }
    return file.bytes();
}

}  // namespace berth::sif::test
