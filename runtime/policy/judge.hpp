// What the parts of a decision share. For decision.cpp and its neighbours.
#pragma once

#include <string>
#include <string_view>

#include "runtime/policy/decision.hpp"

namespace berth {

/// "/etc/berth/berth.conf:12: mount home = yes".
[[nodiscard]] std::string rule_text(const config::Origin& origin, std::string_view directive, std::string_view value);
[[nodiscard]] std::string rule_text(std::string_view directive, const config::Setting<bool>& setting);

/// Collects the rulings of one decision.
class Judge {
public:
    explicit Judge(Decision& decision) : decision_(decision) {}

    void grant(std::string subject, std::string outcome, std::string rule) {
        decision_.rulings.push_back({std::move(subject), std::move(outcome), std::move(rule)});
    }
    /// The first refusal stands; later ones are listed.
    void refuse(std::string subject, std::string rule, std::string message, Category category = Category::denied) {
        decision_.rulings.push_back({std::move(subject), kRefused, std::move(rule)});
        if (!decision_.refusal) decision_.refusal = Error{category, 0, std::move(message)};
    }

    /// A refusal that comes with rulings of its own.
    void refuse(const Error& error) {
        if (!decision_.refusal) decision_.refusal = error;
    }

private:
    Decision& decision_;
};

/// Everything about the image itself: its kind, the limits, the execution control list, its signature.
void judge_image(Judge& judge, const Request& request, const config::SitePolicy& policy, const SiteNames& names,
                 const JobContext& job, const ImageInfo& image);

/// Who mounts it, and why.
[[nodiscard]] Driver choose_driver(Judge& judge, const config::SitePolicy& policy, const JobContext& job,
                                   const ImageInfo& image);

/// What of the host's is mounted, and what is made anew; where the command starts.
void judge_mounts(Judge& judge, Decision& decision, const Request& request, const config::SiteConfig& site,
                  const SiteNames& names, const JobContext& job);

/// The GPU stacks that are wanted: what of them is mounted, and which devices a minimal /dev has.
void judge_gpus(Judge& judge, Decision& decision, const Request& request, const config::SiteConfig& site, const SiteNames& names,
                const JobContext& job);

/// What confines the command: capabilities, identity, label and seccomp profiles.
void judge_confinement(Judge& judge, Decision& decision, const Request& request, const config::SitePolicy& policy,
                       const JobContext& job);

/// Devices by CDI.
void judge_cdi(Judge& judge, Decision& decision, const Request& request, const config::SiteConfig& site, const SiteNames& names,
               const JobContext& job);

/// Limits of control groups.
void judge_limits(Judge& judge, Decision& decision, const config::SiteConfig& site, const LimitInputs& limits);

}  // namespace berth
