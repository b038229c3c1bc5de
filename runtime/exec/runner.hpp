// Carrying out a plan. Nothing else asks "is this a dry run?": the runner that is given decides.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/exec/hook.hpp"
#include "runtime/exec/image_drivers.hpp"
#include "runtime/exec/own_cgroup.hpp"
#include "runtime/exec/user_side.hpp"
#include "runtime/plan/plan.hpp"

namespace berth {

/// Carries out single effects, in the plan's order.
class StepRunner {
public:
    virtual ~StepRunner() = default;
    virtual Status run(const Effect& effect, const Plan& plan) = 0;
};

/// Runs every step of one phase. The first failure ends it; its message names the step.
[[nodiscard]] Status run_phase(StepRunner& runner, const Plan& plan, Phase phase);

/// Writes down what it is given and touches nothing.
class PrintingRunner final : public StepRunner {
public:
    Status run(const Effect& effect, const Plan& plan) override;
    [[nodiscard]] const std::string& text() const noexcept { return text_; }

private:
    std::string text_;
};

/// Passes effects on until it has seen `fail_at` of them, then fails: for tests of what a failure leaves behind.
class FailingRunner final : public StepRunner {
public:
    FailingRunner(StepRunner& inner, std::size_t fail_at) : inner_(inner), left_(fail_at) {}
    Status run(const Effect& effect, const Plan& plan) override;

private:
    StepRunner& inner_;
    std::size_t left_;
};

/// What the prepare phase works with and leaves behind.
struct RunnerInputs {
    UserSide& side;
    bool privileged = false;                         ///< as root of the host, not of a user namespace
    int image_fd = -1;                               ///< borrowed
    ImageInfo image;
    CallerEntries caller;
    std::optional<std::pair<uid_t, gid_t>> server;   ///< the image server's user, where root starts it
    HookCaller hook_caller;                          ///< whom RunHook runs programs as
    OwnCgroup* cgroup = nullptr;                     ///< what LimitResources makes; nothing under Slurm
    int prepared_namespace = -1;                     ///< borrowed; join this mount namespace instead of making one
    bool asks_glibc = false;                         ///< find out which glibc the image has
};

/// Does it. Descriptors, mounts, the image server: all end with the objects that hold them, or with the namespace.
class RealRunner final : public StepRunner {
public:
    explicit RealRunner(RunnerInputs inputs);
    ~RealRunner() override;
    Status run(const Effect& effect, const Plan& plan) override;

    /// The image's environment scripts; known after LayerMountPoints.
    [[nodiscard]] const std::vector<ImageScript>& scripts() const noexcept;
    /// The image's glibc, where that was asked for and there is one; known after LayerMountPoints.
    [[nodiscard]] std::optional<GlibcVersion> glibc() const noexcept;
    /// The image server that StartImageServer started, if it did; given up to the caller.
    [[nodiscard]] std::optional<DetachedProcess> take_server() noexcept;

private:
    class Builder;
    std::unique_ptr<Builder> builder_;
};

}  // namespace berth
