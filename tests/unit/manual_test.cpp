// The manual's pages: complete, and free of roff that nobody meant.
#include "tools/manual.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <map>

#include "runtime/base/capabilities.hpp"
#include "runtime/base/io.hpp"
#include "runtime/base/text.hpp"
#include "runtime/config/directives.hpp"
#include "runtime/config/ecl.hpp"
#include "runtime/request/options.hpp"
#include "tools/doctor.hpp"

using namespace berth;
using namespace berth::tools;
using Catch::Matchers::Contains;

namespace {

/// Every page by its file's name, "berth.conf.5".
std::map<std::string, std::string> pages() {
    std::map<std::string, std::string> made;
    for (const auto& entry : std::filesystem::directory_iterator(BERTH_SOURCE_DIR "/docs/man")) {
        if (entry.path().extension() != ".in") continue;
        const auto text = read_file(entry.path().string(), 1U << 20);
        REQUIRE(text.ok());
        auto page = manual_page(*text, entry.path().string(), "1.2.3");
        if (!page) FAIL(page.error().message);
        made[entry.path().stem().string()] = *page;
    }
    return made;
}

std::string page(const std::string& name) {
    const auto all = pages();
    REQUIRE(all.contains(name));
    return all.at(name);
}

std::string bold(std::string_view name) { return "\\fB\\%" + roff(name) + "\\fR"; }

std::string title(std::string_view name) { return ".TP\n" + bold(name); }

}  // namespace

TEST_CASE("manual: text comes through roff unchanged") {
    CHECK(roff("plain text, with (brackets) and 'quotes'") == "plain text, with (brackets) and 'quotes'");
    CHECK(roff(".TH of a request") == "\\&.TH of a request");
    CHECK(roff("'so neither") == "\\&'so neither");
    CHECK(roff("a\\nb") == "a\\(rsnb");
    CHECK(roff("--bind") == "\\-\\-bind");
    CHECK(roff("~/^x") == "\\(ti/\\(hax");
    CHECK(roff("/a:/b: c:") == "/a:\\:/b: c:");
    CHECK(roff("two\n.lines") == "two .lines");
    CHECK(roff("the `berth doctor` command") == "the \\fBberth doctor\\fR command");
    CHECK(roff("SRC,…") == "SRC,...");
    CHECK(roff("é") == "\\[u00E9]");
    CHECK(roff("\xE2\x80") == "\\[u0080]");  // cut off: shown wrong, read no further
}

TEST_CASE("manual: placeholders") {
    const auto made = manual_page(".TH X 1 \"\" \"@version@ @version@\"\nmail a@b\n", "x", "1.2.3");
    REQUIRE(made);
    CHECK(*made == ".TH X 1 \"\" \"1.2.3 1.2.3\"\n.ad l\nmail a@b\n");
    const auto wrong = manual_page("a\n@option@\n", "page.in", "1");
    REQUIRE(!wrong);
    CHECK(wrong.error().message == "page.in:2: there is no table @option@");
}

TEST_CASE("manual: berth.conf(5) has every directive with its default") {
    const std::string text = page("berth.conf.5");
    for (const auto& directive : config::directives()) {
        INFO(directive.name);
        const auto at = text.find(title(directive.name) + " = ");
        REQUIRE(at != std::string::npos);
        const std::string entry = text.substr(at, text.find("\n.TP", at + 1) - at);
        CHECK_THAT(entry, Contains(roff(directive.meaning)) && Contains(roff(directive.allowed())));
        CHECK_THAT(entry, Contains(directive.default_value.empty() ? "Default: none." : "Default: " + bold(directive.default_value)));
    }
}

TEST_CASE("manual: berth-exec(1) has every option with its spellings") {
    const std::string text = page("berth-exec.1");
    for (const Option& option : options()) {
        INFO(option.name);
        CHECK_THAT(text, Contains(bold("--" + std::string(option.slurm_name))));
        if (option.scope == Scope::everywhere) CHECK_THAT(text, Contains(title("--" + std::string(option.name))) && Contains(environment_name(option)));
    }
    CHECK_THAT(text, Contains(bold("--explain") + "[=\\fItext|json\\fR]"));
}

TEST_CASE("manual: berth-ecl(5), berth-doctor(1) and berth-capability(1) have all of their tables") {
    const std::string ecl = page("berth-ecl.5");
    for (const auto& key : config::ecl_keys()) CHECK_THAT(ecl, Contains(title(key.name) + " = "));
    const std::string doctor = page("berth-doctor.1");
    for (const Check& check : doctor_checks()) CHECK_THAT(doctor, Contains(title(check.name) + "\n" + roff(check.looks_at)));
    const std::string capability = page("berth-capability.1");
    for (int number = 0; number < kCapabilityCount; ++number) CHECK_THAT(capability, Contains(bold(capability_name(number))));
}

TEST_CASE("manual: every page has its sections, and names only pages that there are") {
    const auto all = pages();
    CHECK(all.size() == 6);
    for (const auto& [name, text] : all) {
        INFO(name);
        for (const char* section : {"NAME", "SYNOPSIS", "DESCRIPTION", "FILES", "EXAMPLES", "SEE ALSO"})
            CHECK_THAT(text, Contains("\n.SH " + std::string(section) + "\n"));
        if (name.ends_with(".1")) CHECK_THAT(text, Contains("\n.SH EXIT STATUS\n"));
        CHECK_THAT(text, Contains("Berth 1.2.3") && !Contains("@version"));
        for (const std::string& line : split(text, '\n')) {
            if (!line.starts_with(".BR berth") || line.find(" (") == std::string::npos) continue;
            std::string other = line.substr(4, line.find(')') - 4);
            std::erase_if(other, [](char c) { return c == '\\' || c == ' '; });
            std::ranges::replace(other, '(', '.');
            CHECK(all.contains(other));
        }
    }
}

TEST_CASE("manual: docs/configuration.md has every key of ecl.toml, too") {
    const auto text = read_file(BERTH_SOURCE_DIR "/docs/configuration.md", 1U << 20);
    REQUIRE(text.ok());
    for (const auto& key : config::ecl_keys())
        CHECK_THAT(*text, Contains("| `" + std::string(key.name) + "` |") || Contains("| `[[" + std::string(key.name) + "]]` |"));
}
