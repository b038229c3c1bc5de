// berth-verify: tells the process that starts a container whether the image is signed by a key that is known here. It has
// the image open, is nobody of importance (the image server's user, under root), and says its answer over a socket.
//
//     berth-verify NAME [--site-keyring] [--whole [--no-tree]] [--users-keys FOLDER]
//
// NAME stands for the image in messages. Descriptors: 3 the socket, 4 the image, 5 (with --site-keyring) the site's keyring.
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/wire.hpp"
#include "runtime/config/site_keyring.hpp"
#include "runtime/exec/signature_answer.hpp"
#include "sif/image.hpp"
#include "sif/keyring.hpp"
#include "sif/keys_folder.hpp"
#include "sif/verify.hpp"

namespace {

using namespace berth;

constexpr int kSocket = 3;
constexpr int kImage = 4;
constexpr int kKeyring = 5;
constexpr unsigned kThreads = 2;  // beside other people's jobs

struct Arguments {
    std::string name;
    bool site_keyring = false;
    bool whole = false;
    bool no_tree = false;
    std::optional<std::string> users_keys;
};

Arguments parse(int argc, char** argv) {
    Arguments arguments;
    if (argc > 1) arguments.name = argv[1];
    for (int i = 2; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--site-keyring") arguments.site_keyring = true;
        if (word == "--whole") arguments.whole = true;
        if (word == "--no-tree") arguments.no_tree = true;
        if (word == "--users-keys" && i + 1 < argc) arguments.users_keys = argv[++i];
    }
    return arguments;
}

Result<std::vector<std::string>> keyrings(const Arguments& arguments) {
    std::vector<std::string> rings;
    if (arguments.site_keyring) {
        ::lseek(kKeyring, 0, SEEK_SET);  // another check may have read it through the same open file
        BERTH_TRY(const auto bytes, read_all(kKeyring, config::kMaxSiteKeyring, config::site_keyring_path()));
        BERTH_TRY(rings.emplace_back(), sif::keyring_packets(bytes));
    }
    if (arguments.users_keys) {
        if (!arguments.users_keys->empty()) ::setenv("BERTH_KEYSDIR", arguments.users_keys->c_str(), 1);
        BERTH_TRY(const auto folder, sif::keys_folder());
        if (::access(folder.c_str(), F_OK) == 0) {
            BERTH_CHECK(sif::prepare_private_folder(folder));
            BERTH_TRY(rings.emplace_back(), sif::public_keyring(folder));
        }
    }
    std::erase(rings, "");
    return rings;
}

/// The signatures are good; the rest is to read what they are about.
SignatureAnswer unread() {
    SignatureAnswer answer;
    answer.unread = true;
    return answer;
}

SignatureAnswer problem(std::string text) {
    SignatureAnswer answer;
    answer.problem = std::move(text);
    return answer;
}

void add_signers(SignatureAnswer& answer, const sif::VerifyReport& report) {
    for (const auto& signature : report.signatures)
        for (const auto& signer : signature.signers) {
            const ImageSigner known{signer.key, signer.name};
            if (std::ranges::find(answer.signers, known) == answer.signers.end()) answer.signers.push_back(known);
        }
}

Result<SignatureAnswer> check(const Arguments& arguments) {
    BERTH_TRY(const sif::Image image, sif::Image::open(kImage, arguments.name));
    BERTH_TRY(const auto primary, image.primary_partition());
    const auto& objects = image.descriptors();
    if (std::ranges::none_of(objects, [](const auto& object) { return object.type == sif::ObjectType::signature; }))
        return problem(arguments.name + ": it is not signed");
    BERTH_TRY(const auto rings, keyrings(arguments));
    if (rings.empty()) return problem(arguments.name + ": there are no keys here that it could be signed by");
    BERTH_TRY(auto verifier, sif::OpenPgpVerifier::open(rings));
    sif::VerifyKeys keys;
    keys.openpgp = std::move(verifier);
    sif::VerifyRequest request;
    const auto group = primary.descriptor.group_number();
    if (!group) return problem(arguments.name + ": its primary partition belongs to no group, so that no signature covers it");
    if (arguments.no_tree)
        request.groups = {*group};
    else
        request.lazy = true;
    request.only_lazily = !arguments.whole;
    request.threads = kThreads;
    BERTH_TRY(const auto report, sif::verify(image, request, keys));
    if (report.unread) return unread();
    SignatureAnswer answer;
    if (!report.all_verified()) {
        answer.problem = report.first_problem();
        if (answer.problem.empty()) answer.problem = arguments.name + ": its signatures do not cover the primary partition";
        return answer;
    }
    add_signers(answer, report);
    answer.offset = static_cast<std::uint64_t>(primary.descriptor.offset);
    answer.bytes = static_cast<std::uint64_t>(primary.descriptor.size);
    if (report.lazy) answer.tree = HashTreeInfo{report.lazy->tree.offset, report.lazy->tree.size, report.lazy->root};
    else if (!report.covers(primary.descriptor.id)) return problem(arguments.name + ": its signatures do not cover the primary partition");
    return answer;
}

int run(const Arguments& arguments) {
    ::prctl(PR_SET_DUMPABLE, 0);  // what reads other images has the same user
    auto answer = check(arguments);
    const std::string text = pack(answer ? *answer : problem(answer.error().message));
    return send_message(kSocket, text) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(parse(argc, argv));
    } catch (const std::exception&) {
        return 1;
    }
}
