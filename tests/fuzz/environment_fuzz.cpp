// libFuzzer: scripts and listings of hostile images. Neither may crash, hang or outgrow its bounds.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/environment/export_listing.hpp"
#include "runtime/environment/image_scripts.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const std::vector<berth::ImageScript> scripts{{"10-docker2singularity.sh", text}, {"90-environment.sh", text}};
    const berth::Variables start{{"HOME", "/home/ada"}, {"PATH", "/bin"}, {"A", "a b"}};
    if (const auto result = berth::run_plain_scripts(scripts, start))
        for (const auto& [name, value] : *result)
            if (value.size() > berth::kMaxScriptValue || value.find('\0') != std::string::npos) std::abort();
    if (const auto result = berth::parse_export_p(text))
        for (const auto& [name, value] : *result)
            if (value.find('\0') != std::string::npos) std::abort();
    return 0;
}
