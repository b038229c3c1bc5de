#include "tools/key_text.hpp"

#include <fmt/format.h>

#include <ctime>

#include "runtime/base/text.hpp"

namespace berth::tools {

std::string time_text(std::int64_t seconds) {
    const std::time_t time = seconds;
    std::tm parts{};
    if (::gmtime_r(&time, &parts) == nullptr) return std::to_string(seconds);
    return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC", std::int64_t{parts.tm_year} + 1900, parts.tm_mon + 1,
                       parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string state_text(const sif::KeyInfo& key) {
    return key.revoked ? "revoked" : key.expired ? "expired" : key.disabled ? "disabled" : "";
}

std::string user_text(const sif::KeyInfo& key) {
    return key.user_ids.empty() ? "" : printable(key.user_ids.front());
}

std::string list_entry(std::size_t number, const sif::KeyInfo& key) {
    std::string text;
    for (const auto& user : key.user_ids)
        text +=
            fmt::format("{:<4}{:<19}{}\n", text.empty() ? fmt::format("{})", number) : "", "User:", printable(user));
    if (key.user_ids.empty()) text = fmt::format("{:<4}{:<19}\n", fmt::format("{})", number), "User:");
    const auto line = [&](const char* label, const std::string& value) {
        text += fmt::format("    {:<19}{}\n", label, value);
    };
    line("Creation time:", time_text(key.created));
    if (key.expires != 0) line("Expiration time:", time_text(key.expires));
    line("Fingerprint:", key.fingerprint);
    line("Algorithm:", printable(key.algorithm));
    line("Length (in bits):", std::to_string(key.bits));
    if (!state_text(key).empty()) line("State:", state_text(key));
    return text;
}

nlohmann::ordered_json key_json(const sif::KeyInfo& key) {
    nlohmann::ordered_json json{{"fingerprint", key.fingerprint}, {"users", key.user_ids},
                                {"algorithm", key.algorithm},     {"bits", key.bits},
                                {"created", key.created},         {"expires", nullptr},
                                {"revoked", key.revoked},         {"expired", key.expired},
                                {"disabled", key.disabled},       {"can_sign", key.can_sign}};
    if (key.expires != 0) json["expires"] = key.expires;
    return json;
}

}  // namespace berth::tools
