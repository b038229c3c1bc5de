// berth sign: sign an image's groups or objects with an OpenPGP key or a PEM key. As the caller; needs no privilege.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <ctime>
#include <memory>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "sif/digest.hpp"
#include "sif/dsse_key.hpp"
#include "sif/keyring.hpp"
#include "sif/keys_folder.hpp"
#include "sif/lazy_sign.hpp"
#include "sif/openpgp.hpp"
#include "tools/passphrase.hpp"
#include "tools/trust_commands.hpp"

namespace berth::tools {
namespace {

struct Arguments {
    std::string image;
    std::optional<std::size_t> key_index;
    std::string fingerprint;
    std::string pem;
    std::string hash = "sha256";
    std::vector<std::uint32_t> groups;
    std::vector<std::uint32_t> objects;
    bool all = false;
    bool lazy = false;
};

/// The secret key that the arguments name, or the only one there is.
Result<std::string> chosen_fingerprint(const Arguments& arguments, const std::string& folder) {
    BERTH_TRY(const sif::Keyring keyring, sif::Keyring::in_folder(folder));
    if (!arguments.fingerprint.empty()) {
        BERTH_TRY(const sif::KeyInfo key, keyring.find(arguments.fingerprint, sif::KeyPart::secret_key));
        return key.fingerprint;
    }
    BERTH_TRY(const auto keys, keyring.list(sif::KeyPart::secret_key));
    if (keys.empty()) return Error{Category::usage, 0, folder + ": holds no secret key; `berth key newpair` makes one"};
    if (arguments.key_index) {
        if (*arguments.key_index < keys.size()) return keys[*arguments.key_index].fingerprint;
        return Error{Category::usage, 0,
                     fmt::format("--keyidx {}: `berth key list --secret` shows {} keys, counted from 0",
                                 *arguments.key_index, keys.size())};
    }
    if (keys.size() > 1)
        return Error{Category::usage, 0,
                     fmt::format("{}: {} secret keys; choose one with --keyidx or --fingerprint", folder, keys.size())};
    return keys.front().fingerprint;
}

Result<sif::Signer> signer_of(const Arguments& arguments) {
    if (!arguments.pem.empty()) {
        BERTH_TRY(const std::string pem, read_file(arguments.pem, sif::kMaxPemSize));
        // Whatever the digests use: Apptainer verifies with SHA-256 alone.
        return sif::dsse_signer(pem, arguments.pem, asked_passphrase(), sif::HashKind::sha256);
    }
    BERTH_TRY(const std::string folder, sif::keys_folder());
    BERTH_TRY(const std::string fingerprint, chosen_fingerprint(arguments, folder));
    return sif::openpgp_signer(folder, fingerprint, asked_passphrase());
}

Status sign_image(const Arguments& arguments) {
    const auto hash = sif::hash_of_name(arguments.hash);
    if (!hash) return Error{Category::usage, 0, "--hash: expected sha256, sha384, sha512, blake2s_256 or blake2b_256"};
    BERTH_TRY(const sif::Signer signer, signer_of(arguments));
    BERTH_TRY(sif::Editor editor, sif::Editor::open(arguments.image));
    sif::SignRequest request;
    request.groups = arguments.groups;
    request.objects = arguments.objects;
    request.hash = *hash;
    request.time = std::time(nullptr);
    request.stop = interrupted;
    BERTH_TRY(const auto ids,
              arguments.lazy ? sif::sign_lazily(editor, request, signer) : sif::sign(editor, request, signer));
    fmt::print("{}: signed; signature object{} {}\n", printable(arguments.image), ids.size() == 1 ? "" : "s",
               fmt::join(ids, ", "));
    return {};
}

}  // namespace

void add_sign_command(CLI::App& app, int& status) {
    const auto arguments = std::make_shared<Arguments>();
    CLI::App* const command =
        app.add_subcommand("sign", "Sign an image: every group, unless groups or objects are named");
    command->add_option("IMAGE", arguments->image, "a SIF file that you may write")->required();
    auto* const index = command->add_option("-k,--keyidx", arguments->key_index,
                                            "the secret key's number, as `berth key list --secret` shows it");
    auto* const fingerprint =
        command->add_option("--fingerprint", arguments->fingerprint, "the secret key's fingerprint");
    auto* const pem = command->add_option("--key", arguments->pem,
                                          "a PEM file with a private key (ed25519, ECDSA, RSA): signs in DSSE form");
    index->excludes(fingerprint)->excludes(pem);
    fingerprint->excludes(pem);
    auto* const groups =
        command->add_option("-g,--group-id,--groupid", arguments->groups, "sign this group alone; a list of them")
            ->delimiter(',');
    auto* const objects =
        command->add_option("-i,--sif-id,--id", arguments->objects, "sign these objects alone; a list of ids")
            ->delimiter(',');
    auto* const all = command->add_flag("-a,--all", arguments->all, "every group: what happens anyway");
    groups->excludes(objects)
        ->excludes(all)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->allow_extra_args(false);
    objects->excludes(all)->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)->allow_extra_args(false);
    command
        ->add_flag("--lazy", arguments->lazy,
                   "store a hash tree too, so that a node checks each block when it is read instead of the whole image "
                   "before it starts")
        ->excludes(objects);
    command->add_option(
        "--hash", arguments->hash,
        "of the digests that are signed: sha256 (the default), sha384, sha512, blake2s_256, blake2b_256");
    command->callback([arguments, &status] {
        const Interruptible guard;
        const Status done = sign_image(*arguments);
        status = done ? 0 : kFailure;
        if (!done) fmt::print(stderr, "berth: {}\n", printable(done.error().message, 4096));
    });
}

}  // namespace berth::tools
