// An example of the library: signing and verifying with PEM keys.
//   sif-vouch sign IMAGE PRIVATE.pem     signs every group of the image
//   sif-vouch verify IMAGE PUBLIC.pem    0 when all of it is signed by that key and unchanged
// Builds against an installed Berth, with the development files of GPGME and OpenSSL:
//   g++ -std=c++20 examples/sif_vouch.cpp $(pkg-config --cflags --libs --static berth-sif-sign) -o sif-vouch
#include <fcntl.h>

#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>

#include "sif/dsse_key.hpp"
#include "sif/editor.hpp"
#include "sif/image.hpp"
#include "sif/sign.hpp"
#include "sif/verify.hpp"

namespace sif = berth::sif;

namespace {

std::string text_of(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

berth::Status sign_image(const std::string& path, const std::string& key) {
    BERTH_TRY(const sif::Signer signer, sif::dsse_signer(text_of(key), key));
    BERTH_TRY(sif::Editor editor, sif::Editor::open(path));
    sif::SignRequest request;
    request.time = std::time(nullptr);
    BERTH_TRY(const auto ids, sif::sign(editor, request, signer));
    std::printf("signed by %zu object(s)\n", ids.size());
    return {};
}

berth::Status verify_image(const std::string& path, const std::string& key) {
    const berth::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return berth::errno_error(path);
    BERTH_TRY(const sif::Image image, sif::Image::open(fd.get(), path));
    sif::VerifyKeys keys;
    BERTH_TRY(sif::VerificationKey known, sif::VerificationKey::from_pem(text_of(key), key));
    keys.keys.push_back(std::move(known));
    BERTH_TRY(const sif::VerifyReport report, sif::verify(image, {}, keys));
    if (!report.all_verified()) return berth::Error{berth::Category::denied, 0, report.first_problem()};
    std::printf("verified: %zu objects\n", report.verified.size());
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    const std::string verb = argc == 4 ? argv[1] : "";
    if (verb != "sign" && verb != "verify") {
        std::fprintf(stderr, "usage: sif-vouch sign|verify IMAGE KEY.pem\n");
        return 2;
    }
    const berth::Status done = (verb == "sign" ? sign_image : verify_image)(argv[2], argv[3]);
    if (!done) std::fprintf(stderr, "sif-vouch: %s\n", done.error().message.c_str());
    return done ? 0 : 1;
}
