#include "runtime/exec/limit_wire.hpp"

namespace berth {

void pack(Packer& packer, const std::vector<DecidedLimit>& limits) {
    packer.number(limits.size());
    for (const DecidedLimit& limit : limits) {
        const CgroupSetting& setting = limit.setting;
        packer.texts({setting.key, setting.from, setting.controller, setting.file, setting.text, setting.period_file, setting.other_file,
                      setting.other_text, setting.usage_file, limit.above, limit.effective});
        packer.number(static_cast<std::uint64_t>(setting.comparison));
    }
}

std::optional<std::vector<DecidedLimit>> unpack_decided_limits(Unpacker& unpacker) {
    std::vector<DecidedLimit> limits;
    for (std::uint64_t count = unpacker.number(); unpacker.ok() && count > 0; --count) {
        auto texts = unpacker.texts();
        const auto comparison = unpacker.number();
        if (texts.size() != 11 || comparison > static_cast<std::uint64_t>(Comparison::permission)) return std::nullopt;
        CgroupSetting setting{std::move(texts[0]), std::move(texts[1]), std::move(texts[2]), std::move(texts[3]), std::move(texts[4]),
                              static_cast<Comparison>(comparison), std::move(texts[5]), std::move(texts[6]), std::move(texts[7]),
                              std::move(texts[8]), std::nullopt};
        limits.push_back({std::move(setting), std::move(texts[9]), std::move(texts[10])});
    }
    if (!unpacker.ok()) return std::nullopt;
    return limits;
}

}  // namespace berth
