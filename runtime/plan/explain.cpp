#include "runtime/plan/explain.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "runtime/base/text.hpp"

namespace berth {

namespace {

/// "asked, Slurm's, effective, file": a line a limit.
std::string limits_table(const std::vector<DecidedLimit>& limits) {
    std::string text = fmt::format("limits\n  {:<24} {:<20} {:<24} {:<20} {}\n", "", "asked", "Slurm's", "effective", "file");
    const auto shown = [](const std::string& value) { return printable(value.find('\n') == std::string::npos ? value : "rules"); };
    for (const DecidedLimit& limit : limits)
        text += fmt::format("  {:<24} {:<20} {:<24} {:<20} {}\n", limit.setting.key, shown(limit.setting.text), limit.above.empty() ? "-" : printable(limit.above),
                            shown(limit.effective), limit.setting.file);
    return text;
}

}  // namespace

std::string explain_text(const Decision& decision, const Plan& plan) {
    std::string text = "decision\n";
    for (const auto& ruling : decision.rulings)
        text += fmt::format("  {:<18} {}  [{}]\n", printable(ruling.subject), printable(ruling.outcome), printable(ruling.rule));
    if (decision.refusal) return text + "refused\n  " + decision.refusal->message + "\n";
    if (!decision.limits.empty()) text += limits_table(decision.limits);
    text += "plan\n";
    for (std::size_t i = 0; i < plan.steps.size(); ++i)
        text += fmt::format("  {:>2} {:<8} {}\n", i + 1, to_string(plan.steps[i].phase), describe(plan.steps[i].effect, plan));
    return text;
}

std::string explain_json(const Decision& decision, const Plan& plan) {
    using nlohmann::json;
    json root{{"allowed", !decision.refusal}, {"driver", to_string(decision.driver)}, {"decision", json::array()}, {"plan", json::array()}};
    if (decision.refusal) root["refusal"] = {{"category", to_string(decision.refusal->category)}, {"message", decision.refusal->message}};
    for (const auto& ruling : decision.rulings)
        root["decision"].push_back({{"subject", ruling.subject}, {"outcome", ruling.outcome}, {"rule", ruling.rule}});
    for (const auto& limit : decision.limits)
        root["limits"].push_back({{"key", limit.setting.key}, {"from", limit.setting.from}, {"asked", limit.setting.text}, {"above", limit.above},
                                  {"effective", limit.effective}, {"controller", limit.setting.controller}, {"file", limit.setting.file}});
    if (!decision.refusal)
        for (const auto& step : plan.steps)
            root["plan"].push_back(
                {{"phase", to_string(step.phase)}, {"effect", name_of(step.effect)}, {"description", describe(step.effect, plan)}});
    // Bytes that are not UTF-8 (a path can hold any) become U+FFFD rather than an exception.
    return root.dump(2, ' ', true, json::error_handler_t::replace) + "\n";
}

}  // namespace berth
