// How the step's two processes write down what they tell each other.
#pragma once

#include <string>

#include "runtime/base/result.hpp"
#include "runtime/exec/step.hpp"

namespace berth {

[[nodiscard]] std::string pack(const StepRequest& request);
[[nodiscard]] Result<StepRequest> unpack_request(const std::string& data);

[[nodiscard]] std::string pack(const Result<StepOutcome>& outcome);
[[nodiscard]] Result<StepOutcome> unpack_outcome(const std::string& data);

}  // namespace berth
