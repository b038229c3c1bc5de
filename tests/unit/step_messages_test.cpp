// What slurmstepd and berth-step tell each other survives the way, and nothing malformed is believed.
#include "runtime/exec/step_messages.hpp"

#include <catch2/catch.hpp>

#include "runtime/base/wire.hpp"

using namespace berth;

namespace {

StepRequest sample_request() {
    StepRequest request;
    request.config = "/etc/berth/berth.conf";
    request.identity = {65533, 65532, {10, 20, 4294967294U}};
    request.job = 4294967295U;
    request.step = 4294967291U;  // the batch step
    request.batch_script = "/var/spool/slurmd/job1/slurm_script";
    request.image = std::string("a b\n\xff\0.sif", 10);
    request.options = {{"container-bind", "/a,/b"}, {"container-bind", ""}, {"", "x"}};
    request.environment = {"BERTH_PWD=/x", "", "BERTH_ENV=A=1"};
    return request;
}

void check_same(const StepRequest& a, const StepRequest& b) {
    CHECK(a.config == b.config);
    CHECK(a.identity.uid == b.identity.uid);
    CHECK(a.identity.gid == b.identity.gid);
    CHECK(a.identity.groups == b.identity.groups);
    CHECK(a.job == b.job);
    CHECK(a.step == b.step);
    CHECK(a.batch_script == b.batch_script);
    CHECK(a.image == b.image);
    CHECK(a.options == b.options);
    CHECK(a.environment == b.environment);
}

StepOutcome sample_outcome() {
    StepOutcome outcome;
    outcome.explanation = "decision\n";
    outcome.start = {"/home/ada/work", true, "/home/ada"};
    outcome.facts = {"/home/ada", "/apps/a.sif"};
    outcome.scripts = {{"10-a.sh", "export A=1\n"}, {"90-b.sh", std::string("\0", 1)}};
    outcome.server = 12345;
    outcome.server_started = 987654321012345ULL;
    return outcome;
}

void check_same(const StepOutcome& a, const StepOutcome& b) {
    CHECK(a.explanation == b.explanation);
    CHECK(a.start == b.start);
    CHECK(a.facts.home == b.facts.home);
    CHECK(a.facts.image_path == b.facts.image_path);
    REQUIRE(a.scripts.size() == b.scripts.size());
    for (std::size_t i = 0; i < a.scripts.size(); ++i) {
        CHECK(a.scripts[i].name == b.scripts[i].name);
        CHECK(a.scripts[i].text == b.scripts[i].text);
    }
    CHECK(a.server == b.server);
    CHECK(a.server_started == b.server_started);
}

}  // namespace

TEST_CASE("step messages: a request comes back as it was") {
    for (const StepRequest& request : {StepRequest{}, sample_request()}) {
        const auto back = unpack_request(pack(request));
        REQUIRE(back.ok());
        check_same(request, *back);
    }
}

TEST_CASE("step messages: an outcome comes back as it was") {
    for (const StepOutcome& outcome : {StepOutcome{}, sample_outcome()}) {
        const auto back = unpack_outcome(pack(Result<StepOutcome>(outcome)));
        REQUIRE(back.ok());
        check_same(outcome, *back);
    }
}

TEST_CASE("step messages: an error comes back as it was, whatever its category") {
    for (int category = 0; category <= static_cast<int>(Category::internal); ++category) {
        for (const int number : {0, ENOENT, -1}) {
            const Error error{static_cast<Category>(category), number, "it failed: \xff\n"};
            const auto back = unpack_outcome(pack(Result<StepOutcome>(error)));
            REQUIRE_FALSE(back.ok());
            CHECK(back.error().category == error.category);
            CHECK(back.error().number == error.number);
            CHECK(back.error().message == error.message);
        }
    }
}

TEST_CASE("step messages: cut at any byte, or longer by one, they are malformed") {
    const std::string request = pack(sample_request());
    for (std::size_t length = 0; length < request.size(); ++length) {
        INFO("request, " << length << " bytes");
        const auto back = unpack_request(request.substr(0, length));
        REQUIRE_FALSE(back.ok());
        CHECK(back.error().category == Category::internal);
        CHECK(back.error().number == EPROTO);
    }
    CHECK_FALSE(unpack_request(request + "x").ok());
    for (const std::string& message :
         {pack(Result<StepOutcome>(sample_outcome())), pack(Result<StepOutcome>(Error{Category::usage, 2, "no"}))}) {
        for (std::size_t length = 0; length < message.size(); ++length) {
            INFO("outcome, " << length << " bytes");
            const auto back = unpack_outcome(message.substr(0, length));
            REQUIRE_FALSE(back.ok());
            CHECK(back.error().number == EPROTO);
        }
        const auto longer = unpack_outcome(message + "x");
        REQUIRE_FALSE(longer.ok());
        CHECK(longer.error().number == EPROTO);
    }
}

TEST_CASE("step messages: counts that lie and categories that do not exist are malformed") {
    Packer groups;
    groups.text("/etc/berth/berth.conf");
    groups.number(1);
    groups.number(1);
    groups.number(~std::uint64_t{0});  // that many groups
    groups.number(5);
    CHECK_FALSE(unpack_request(groups.data()).ok());
    Packer category;
    category.number(0);
    category.number(static_cast<std::uint64_t>(Category::internal) + 1);
    category.number(0);
    category.text("hello");
    const auto back = unpack_outcome(category.data());
    REQUIRE_FALSE(back.ok());
    CHECK(back.error().number == EPROTO);
}
