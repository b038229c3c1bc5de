// A plain situation in which everything is allowed; tests change one thing and look at what follows.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "runtime/policy/decision.hpp"
#include "runtime/request/options.hpp"

namespace berth::test {

inline const std::string kConf = "/etc/berth/berth.conf";
inline const std::string kEcl = "/etc/berth/ecl.toml";

inline config::SiteConfig site_of(const std::string& text) {
    auto site = config::parse(text, kConf);
    if (!site) FAIL(site.error().message);
    return std::move(site).value();
}

/// "/etc/berth/berth.conf:LINE: RULE".
inline std::string rule_at(unsigned line, const std::string& rule) {
    return kConf + ":" + std::to_string(line) + ": " + rule;
}

struct Situation {
    Request request;
    config::SiteConfig site;
    config::Ecl ecl;
    SiteNames names;
    JobContext job;
    ImageInfo image;

    Situation() {
        request.image = "a.sif";
        job.uid = 1000;
        job.gid = 1001;
        job.user = "ada";
        job.home = "/home/ada";
        job.working_directory = "/data/run";
        job.architecture = "amd64";
        image.path = "/apps/a.sif";
        image.owner = 1000;
        image.group = 1001;
        image.architecture = "amd64";
        image.offset = 32768;
        image.bytes = 4096;
        image.site_file_system = true;
    }
    Situation& with_site(const std::string& text) {
        site = site_of(text);
        return *this;
    }
    Situation& with_ecl(const std::string& text) {
        auto parsed = config::parse_ecl(text, kEcl);
        if (!parsed) FAIL(parsed.error().message);
        ecl = std::move(parsed).value();
        return *this;
    }
    Situation& with(std::string_view option, const std::string& value = "") {
        const auto found = std::ranges::find(options(), option, &Option::name);
        REQUIRE(found != options().end());
        const auto status = found->apply(request, value);
        if (!status) FAIL(status.error().message);
        return *this;
    }
    Situation& in(const std::string& working_directory) {
        job.working_directory = working_directory;
        return *this;
    }
    [[nodiscard]] Decision decide() const { return berth::decide(request, {site, ecl}, names, job, image); }
};

/// Who may ask: a user or root, by the command or under Slurm. Root by the command has privilege, a user has none.
struct Who {
    const char* name;
    uid_t uid;
    Launch launch;
    bool privileged;
    void put_into(JobContext& job) const {
        job.uid = uid;
        job.launch = launch;
        job.privileged = privileged;
    }
};
inline const std::vector<Who> kEverybody = {{"user, command line", 1000, Launch::command_line, false},
                                            {"root, command line", 0, Launch::command_line, true},
                                            {"user, Slurm", 1000, Launch::slurm, true},
                                            {"root, Slurm", 0, Launch::slurm, true}};

/// The rulings on one subject, "OUTCOME [RULE]", joined by "; ".
inline std::string rulings_on(const Decision& decision, const std::string& subject) {
    std::string text;
    for (const auto& ruling : decision.rulings)
        if (ruling.subject == subject) text += (text.empty() ? "" : "; ") + ruling.outcome + " [" + ruling.rule + "]";
    return text;
}

inline std::string shown(const std::vector<DecidedBind>& binds) {
    std::string text;
    for (const auto& bind : binds)
        text += bind.source + ":" + bind.destination + (bind.read_only ? ":ro" : "") + (bind.required ? "" : "?") + " ";
    return text;
}

inline std::string shown(const DecidedHome& home) {
    const char* kind = home.kind == DecidedHome::Kind::none    ? "none"
                       : home.kind == DecidedHome::Kind::fresh ? "fresh"
                                                               : "host";
    return kind + (" " + home.source) + ":" + home.destination;
}

}  // namespace berth::test
