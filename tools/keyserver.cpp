#include "tools/keyserver.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/base/text.hpp"
#include "runtime/base/whole_number.hpp"
#include "sif/keyring.hpp"

namespace berth::tools {
namespace {

constexpr long kOk = 200;
constexpr long kNotFound = 404;
constexpr std::size_t kMaxUserIds = 16;

/// An HTTP status that is no success. Servers explain themselves in the body's first line.
Error failure(const Remote& server, const Answer& answer) {
    std::string message = fmt::format("{}: the server answered {}", printable(server.url), answer.status);
    const auto line = trim(std::string_view(answer.body).substr(0, answer.body.find('\n')));
    if (!line.empty() && line.front() != '<') message += ": " + printable(line, 160);
    if (answer.status == 401 || answer.status == 403) message += "; give it a token in ~/.berth/keyservers";
    return Error{Category::denied, 0, std::move(message)};
}

std::string percent_decoded(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto digits = text.substr(i + 1, 2);
        const auto byte = text[i] == '%' && digits.size() == 2 ? whole_number<std::uint8_t>(digits, 16) : std::nullopt;
        if (byte) {
            decoded += static_cast<char>(*byte);
            i += 2;
        } else {
            decoded += text[i];
        }
    }
    return decoded;
}

bool is_key_id(std::string_view text) {
    return text.size() >= 8 && text.size() <= 64 &&
           text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

/// The only key among these, when it is the one that was asked for.
Result<sif::KeyInfo> wanted_key(const Remote& server, const std::vector<sif::KeyInfo>& keys, const std::string& digits,
                                NamedKey named) {
    const auto is_wanted = [&](const std::string& fingerprint) { return fingerprint.ends_with(digits); };
    if (keys.size() == 1 &&
        (is_wanted(keys.front().fingerprint) ||
         (named == NamedKey::primary_or_subkey && std::ranges::any_of(keys.front().subkeys, is_wanted))))
        return keys.front();
    return Error{
        Category::denied, 0,
        fmt::format("{}: was asked for key {} and sent {}; refused", printable(server.url), digits,
                    keys.size() == 1 ? "key " + keys.front().fingerprint : std::to_string(keys.size()) + " keys")};
}

/// RFC 4880, 9.1, and RFC 6637; what GnuPG calls them.
std::string algorithm_text(std::string_view number, std::string_view bits) {
    const std::string_view name = number == "1"    ? "rsa"
                                  : number == "17" ? "dsa"
                                  : number == "19" ? "ecdsa"
                                  : number == "22" ? "eddsa"
                                                   : "";
    return name.empty() ? std::string(number) : std::string(name) + std::string(bits);
}

}  // namespace

std::vector<FoundKey> parse_index(std::string_view text) {
    std::vector<FoundKey> found;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        auto fields = split(trim(text.substr(0, end)), ':');
        text.remove_prefix(std::min(end + 1, text.size()));
        fields.resize(std::max<std::size_t>(fields.size(), 7));
        if (fields[0] == "pub" && is_key_id(fields[1])) {
            if (found.size() == kMaxFound) break;
            found.push_back({fields[1], algorithm_text(fields[2], fields[3]), fields[4], fields[6], {}});
        } else if (fields[0] == "uid" && !fields[1].empty() && !found.empty() &&
                   found.back().user_ids.size() < kMaxUserIds) {
            found.back().user_ids.push_back(percent_decoded(fields[1]));
        }
    }
    return found;
}

Result<std::vector<FoundKey>> search_keys(const Remote& server, const std::string& text) {
    const auto digits = sif::key_id_digits(text);
    const std::string wanted = digits ? "0x" + *digits : text;
    BERTH_TRY(const Answer answer, https_get(server, "/pks/lookup?op=index&options=mr&search=" + url_encoded(wanted)));
    if (answer.status == kNotFound) return std::vector<FoundKey>{};
    if (answer.status != kOk) return failure(server, answer);
    return parse_index(answer.body);
}

Result<FetchedKey> key_of_answer(const Remote& server, const std::string& body, const std::string& digits,
                                 NamedKey named) {
    const auto keyring = sif::Keyring::of({body});
    if (body.empty() || !keyring)
        return Error{Category::denied, 0,
                     printable(server.url) + ": what it sent for " + digits + " is no OpenPGP key with a user id"};
    BERTH_TRY(const auto keys, keyring->list(sif::KeyPart::public_key));
    BERTH_TRY(const auto key, wanted_key(server, keys, digits, named));
    BERTH_TRY(auto bytes, keyring->export_key(key.fingerprint, sif::KeyPart::public_key, false));
    // What is handed on is what counts.
    BERTH_TRY(const auto exported, sif::keys_in(bytes));
    BERTH_TRY(const auto same, wanted_key(server, exported, key.fingerprint, NamedKey::primary));
    return FetchedKey{same.fingerprint, std::move(bytes)};
}

Result<FetchedKey> fetch_key(const Remote& server, const std::string& digits, NamedKey named) {
    BERTH_TRY(Answer answer, https_get(server, "/pks/lookup?op=get&options=mr&search=0x" + digits));
    if (answer.status == kNotFound)
        return Error{Category::usage, ENOENT, printable(server.url) + ": has no key " + digits};
    if (answer.status != kOk) return failure(server, answer);
    return key_of_answer(server, answer.body, digits, named);
}

Status send_key(const Remote& server, const std::string& armored) {
    BERTH_TRY(const Answer answer, https_post(server, "/pks/add", "keytext=" + url_encoded(armored)));
    if (answer.status < 200 || answer.status > 299) return failure(server, answer);
    return {};
}

}  // namespace berth::tools
