// Messages between Berth's own processes, of which one may be a user's: whatever comes, it is understood or refused, and
// what was understood is within its bounds.
#include <linux/bpf_common.h>

#include <cstdint>
#include <cstdlib>
#include <string>

#include "runtime/exec/seccomp_wire.hpp"
#include "runtime/exec/signature_answer.hpp"
#include "runtime/exec/step_messages.hpp"

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace berth;
    const std::string text(reinterpret_cast<const char*>(data), size);
    if (const auto request = unpack_request(text)) require(pack(*request).size() == size);
    if (const auto place = unpack_place(text)) require(place->working_directory.size() <= size);
    if (const auto outcome = unpack_outcome(text)) require(outcome->scripts.size() <= size && outcome->filters.size() <= size);
    constexpr std::uint64_t kFile = 1U << 20;
    if (const auto answer = unpack_answer(text, kFile); answer && answer->problem.empty() && !answer->unread) {
        require(answer->bytes > 0 && answer->offset < kFile && answer->offset + answer->bytes <= kFile);
        require(!answer->tree || answer->tree->offset + answer->tree->bytes <= kFile);
    }
    Unpacker unpacker(text);
    if (const auto filter = unpack_filter(unpacker)) require(!filter->program.empty() && filter->program.size() <= BPF_MAXINSNS);
    return 0;
}
