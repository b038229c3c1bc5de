// How the step's two processes write down what they tell each other.
#pragma once

#include <string>

#include "runtime/base/result.hpp"
#include "runtime/exec/step.hpp"

namespace berth {

/// What comes with the namespace: whether the job's place is wanted.
inline constexpr const char* kWantsJobPlace = "namespace, job's place wanted";
inline constexpr const char* kWantsNothing = "namespace";

[[nodiscard]] std::string pack(const StepRequest& request);
[[nodiscard]] Result<StepRequest> unpack_request(const std::string& data);

[[nodiscard]] std::string pack(const StepPlace& place);
[[nodiscard]] Result<StepPlace> unpack_place(const std::string& data);

[[nodiscard]] std::string pack(const Result<StepOutcome>& outcome);
[[nodiscard]] Result<StepOutcome> unpack_outcome(const std::string& data);

}  // namespace berth
