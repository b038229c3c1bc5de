#include "runtime/base/text.hpp"
#include "runtime/exec/step.hpp"
#include "runtime/request/options.hpp"

namespace berth {

Result<Request> request_of(const StepRequest& step, Request request) {
    BERTH_CHECK(apply_environment(request, step.environment));
    for (const auto& [name, value] : step.options) {
        const Option* found = nullptr;
        for (const Option& option : options())
            if (option.slurm_name == name || (!option.slurm_alias.empty() && option.slurm_alias == name)) found = &option;
        if (found == nullptr) return Error{Category::internal, 0, "unknown option --" + printable(name)};
        if (auto status = give(request, *found, value); !status) return std::move(status).error().within("--" + name);
    }
    request.image = step.image;
    return request;
}

}  // namespace berth
