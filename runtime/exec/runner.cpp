#include "runtime/exec/runner.hpp"

namespace berth {

Status run_phase(StepRunner& runner, const Plan& plan, Phase phase) {
    for (const auto& step : plan.steps) {
        if (step.phase != phase) continue;
        BERTH_CHECK(runner.run(step.effect, plan));
    }
    return {};
}

Status PrintingRunner::run(const Effect& effect, const Plan& plan) {
    text_ += describe(effect, plan) + "\n";
    return {};
}

Status FailingRunner::run(const Effect& effect, const Plan& plan) {
    if (left_ == 0) return Error{Category::system, ECANCELED, std::string("made to fail at ") + name_of(effect)};
    --left_;
    return inner_.run(effect, plan);
}

}  // namespace berth
