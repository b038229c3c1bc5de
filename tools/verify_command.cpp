// berth verify: whether an image is what somebody whose key we have signed. As the caller; needs no privilege.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <set>

#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/config/site_keyring.hpp"
#include "sif/keyring.hpp"
#include "sif/keys_folder.hpp"
#include "sif/verify.hpp"
#include "tools/keyserver.hpp"
#include "tools/keyserver_list.hpp"
#include "tools/passphrase.hpp"
#include "tools/trust_commands.hpp"
#include "tools/trust_report.hpp"

namespace berth::tools {
namespace {

/// Keys that --url may fetch for one image; an image with more unknown signers is not looked into further.
constexpr std::size_t kMaxFetched = 8;

struct Arguments {
    std::string image;
    std::vector<std::string> keys;
    std::string certificate;
    std::string intermediates;
    std::string roots;
    std::string url;
    sif::VerifyRequest request;
    bool all = false;
    bool json = false;
    bool local = false;
};

Result<sif::VerificationKey> certificate_key(const Arguments& arguments) {
    sif::CertificateRequest request;
    request.name = arguments.certificate;
    BERTH_TRY(request.certificate, read_file(arguments.certificate, sif::kMaxPemSize));
    if (!arguments.intermediates.empty()) {
        BERTH_TRY(request.intermediates, read_file(arguments.intermediates, sif::kMaxPemSize));
    }
    if (!arguments.roots.empty()) {
        BERTH_TRY(request.roots, read_file(arguments.roots, sif::kMaxPemSize));
    }
    return sif::key_of_certificate(request);
}

/// The public keys of the user and of the site.
Result<std::vector<std::string>> keyrings() {
    std::vector<std::string> found;
    BERTH_TRY(const std::string folder, sif::keys_folder());
    if (::access(folder.c_str(), F_OK) == 0) {
        BERTH_CHECK(sif::prepare_private_folder(folder));
        BERTH_TRY(found.emplace_back(), sif::public_keyring(folder));
    }
    BERTH_TRY(const std::string site, config::read_site_keyring());
    auto packets = sif::keyring_packets(site);
    if (!packets) return std::move(packets).error().within(config::site_keyring_path());
    found.push_back(std::move(*packets));
    std::erase(found, "");
    return found;
}

Result<sif::VerifyKeys> openpgp_keys(const std::vector<std::string>& rings) {
    BERTH_TRY(sif::OpenPgpVerifier verifier, sif::OpenPgpVerifier::open(rings));
    sif::VerifyKeys keys;
    keys.openpgp = std::move(verifier);
    return keys;
}

Result<sif::VerifyKeys> pem_keys(const Arguments& arguments) {
    sif::VerifyKeys keys;
    for (const std::string& path : arguments.keys) {
        BERTH_TRY(const std::string pem, read_file(path, sif::kMaxPemSize));
        BERTH_TRY(sif::VerificationKey key, sif::VerificationKey::from_pem(pem, path));
        keys.keys.push_back(std::move(key));
    }
    if (!arguments.certificate.empty()) {
        BERTH_TRY(sif::VerificationKey key, certificate_key(arguments));
        keys.keys.push_back(std::move(key));
    }
    return keys;
}

/// The whole fingerprints of unknown signers. A short id would let the server choose the key.
std::set<std::string> unknown_signers(const sif::VerifyReport& report) {
    std::set<std::string> unknown;
    for (const auto& signature : report.signatures)
        if (signature.failure == sif::Failure::unknown_key && !signature.signers.empty() &&
            signature.signers.front().key.size() >= 40)
            unknown.insert(signature.signers.front().key);
    return unknown;
}

/// Fetches the keys that are missing, for this one verification. \return their fingerprints.
Result<std::set<std::string>> fetch_missing(const std::string& url, const sif::VerifyReport& report,
                                            std::vector<std::string>& rings) {
    std::set<std::string> fetched;
    const auto unknown = unknown_signers(report);
    if (unknown.empty() || unknown.size() > kMaxFetched) return fetched;
    BERTH_TRY(Remote server, choose_keyserver(url));
    server.stop = interrupted;
    for (const std::string& fingerprint : unknown) {
        // A signature names the subkey that made it; GnuPG wants that subkey's own word that it belongs to the key.
        BERTH_TRY(FetchedKey key, fetch_key(server, fingerprint, NamedKey::primary_or_subkey));
        fmt::print(stderr, "berth: warning: key {} is in no keyring here; anyone may have given it to {}\n",
                   fingerprint, printable(url));
        fetched.insert(key.fingerprint);
        rings.push_back(std::move(key.bytes));
    }
    return fetched;
}

Result<sif::VerifyReport> check(const Arguments& arguments, const sif::Image& image, std::set<std::string>& fetched) {
    if (!arguments.keys.empty() || !arguments.certificate.empty()) {
        BERTH_TRY(sif::VerifyKeys keys, pem_keys(arguments));
        return sif::verify(image, arguments.request, keys);
    }
    BERTH_TRY(std::vector<std::string> rings, keyrings());
    BERTH_TRY(sif::VerifyKeys keys, openpgp_keys(rings));
    BERTH_TRY(sif::VerifyReport report, sif::verify(image, arguments.request, keys));
    if (arguments.url.empty()) return report;
    BERTH_TRY(fetched, fetch_missing(arguments.url, report, rings));
    if (fetched.empty()) return report;
    BERTH_TRY(keys, openpgp_keys(rings));
    return sif::verify(image, arguments.request, keys);
}

Result<bool> verify_image(const Arguments& arguments) {
    // O_NONBLOCK: a FIFO must be refused, not waited for.
    BERTH_TRY(const UniqueFd fd, open_at(AT_FDCWD, arguments.image, O_RDONLY | O_NONBLOCK));
    BERTH_TRY(const sif::Image image, sif::Image::open(fd.get(), arguments.image));
    std::set<std::string> fetched;
    BERTH_TRY(const sif::VerifyReport report, check(arguments, image, fetched));
    BERTH_CHECK(write_all(STDOUT_FILENO, (arguments.json ? report_json : report_text)(report, arguments.image, fetched),
                          "standard output"));
    std::fputs(report_failures(report).c_str(), stderr);
    return report.all_verified();
}

void add_key_options(CLI::App& command, Arguments& arguments) {
    auto* const key = command.add_option(
        "--key", arguments.keys, "a PEM file with a public key; more of them: any is enough for a DSSE signature");
    key->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)->allow_extra_args(false);
    auto* const certificate = command.add_option("--certificate", arguments.certificate,
                                                 "a PEM file with the signer's X.509 certificate, for code signing");
    certificate->excludes(key);
    command
        .add_option("--certificate-intermediates", arguments.intermediates, "PEM certificates between it and a root")
        ->needs(certificate);
    command
        .add_option("--certificate-roots", arguments.roots, "PEM certificates to trust; without it those of the system")
        ->needs(certificate);
    auto* const local = command.add_flag("-l,--local", arguments.local,
                                         "only keys of the keyrings here, which is what happens without --url");
    command
        .add_option("-u,--url", arguments.url, "fetch keys that are in no keyring from this keyserver, for this once")
        ->excludes(local)
        ->excludes(key)
        ->excludes(certificate);
}

void add_subject_options(CLI::App& command, Arguments& arguments) {
    auto* const groups =
        command.add_option("-g,--group-id,--groupid", arguments.request.groups, "verify this group; a list of them")
            ->delimiter(',');
    auto* const objects =
        command.add_option("-i,--sif-id,--id", arguments.request.objects, "verify these objects; a list of ids")
            ->delimiter(',');
    auto* const all = command.add_flag("-a,--all", arguments.all,
                                       "every object, which is what happens anyway but for --legacy-insecure");
    for (auto* const list : {groups, objects})
        list->excludes(all)->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)->allow_extra_args(false);
    command.add_flag("--legacy-insecure", arguments.request.legacy,
                     "verify signatures of the legacy form, which protect no metadata");
}

}  // namespace

void add_verify_command(CLI::App& app, int& status) {
    const auto arguments = std::make_shared<Arguments>();
    CLI::App* const command =
        app.add_subcommand("verify", "Verify an image's signatures: every group, unless groups or objects are named");
    command->add_option("IMAGE", arguments->image, "a SIF file")->required();
    add_key_options(*command, *arguments);
    add_subject_options(*command, *arguments);
    command->add_flag("-j,--json", arguments->json, "print JSON");
    command->callback([arguments, &status] {
        const Interruptible guard;
        arguments->request.stop = interrupted;
        arguments->request.legacy_all = arguments->request.legacy && arguments->all;
        const auto verified = verify_image(*arguments);
        status = verified && *verified ? 0 : kFailure;
        if (!verified) fmt::print(stderr, "berth: {}\n", printable(verified.error().message, 4096));
    });
}

}  // namespace berth::tools
