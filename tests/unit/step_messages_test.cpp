// What slurmstepd and berth-step tell each other survives the way, and nothing malformed is believed.
#include "runtime/exec/step_messages.hpp"

#include <catch2/catch.hpp>
#include <cstring>

#include "runtime/base/wire.hpp"

using namespace berth;

namespace {

StepRequest sample_request() {
    StepRequest request;
    request.config = "/etc/berth/berth.conf";
    request.identity = {65533, 65532, {10, 20, 4294967294U}};
    request.job = 4294967295U;
    request.step = 4294967291U;  // the batch step
    request.daemon = 4711;
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
    CHECK(a.daemon == b.daemon);
    CHECK(a.batch_script == b.batch_script);
    CHECK(a.image == b.image);
    CHECK(a.options == b.options);
    CHECK(a.environment == b.environment);
}

StepOutcome sample_outcome() {
    StepOutcome outcome;
    outcome.explanation = "decision\n";
    outcome.task.start = {"/home/ada/work", true, "/home/ada"};
    outcome.task.capabilities = CapabilitySet{1} << 40 | 1;
    outcome.task.no_new_privileges = false;
    outcome.task.identity = {0, {5, 4294967294U}};
    outcome.task.label = effect::SetLabel{SecurityModule::selinux, "a:b:c0,c1"};
    outcome.task.profiles = {"/etc/site.json", "x.json"};
    outcome.filters = {{{{6, 0, 0, 0x7fff0000}}, 2, {}}, {{{6, 0, 0, 0}, {6, 1, 2, 3}}, 0, {}}};
    outcome.warnings = {"one", ""};
    outcome.facts = {"/home/ada", "/apps/a.sif", true};
    outcome.scripts = {{"10-a.sh", "export A=1\n"}, {"90-b.sh", std::string("\0", 1)}};
    outcome.option_defaults = {"no-home", "bind=/a,/b"};
    outcome.server = 12345;
    outcome.server_started = 987654321012345ULL;
    return outcome;
}

void check_same(const StepOutcome& a, const StepOutcome& b) {
    CHECK(a.explanation == b.explanation);
    CHECK(a.task == b.task);
    REQUIRE(a.filters.size() == b.filters.size());
    for (std::size_t i = 0; i < a.filters.size(); ++i) {
        REQUIRE(a.filters[i].program.size() == b.filters[i].program.size());
        CHECK(std::memcmp(a.filters[i].program.data(), b.filters[i].program.data(), a.filters[i].program.size() * sizeof(sock_filter)) == 0);
        CHECK(a.filters[i].flags == b.filters[i].flags);
    }
    CHECK(a.warnings == b.warnings);
    CHECK(a.facts.home == b.facts.home);
    CHECK(a.facts.image_path == b.facts.image_path);
    CHECK(a.facts.libraries == b.facts.libraries);
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

TEST_CASE("step messages: where the job is") {
    for (const StepPlace& place : {StepPlace{"/work", std::nullopt}, StepPlace{"/", JobPlace{"gpu", ""}}}) {
        const auto back = unpack_place(pack(place));
        REQUIRE(back.ok());
        CHECK(back->working_directory == place.working_directory);
        REQUIRE(back->job.has_value() == place.job.has_value());
        if (place.job) CHECK(back->job->partition + "/" + back->job->account == place.job->partition + "/" + place.job->account);
        CHECK_FALSE(unpack_place(pack(place) + "x").ok());
        CHECK_FALSE(unpack_place(pack(place).substr(1)).ok());
    }
}

TEST_CASE("step messages: filters that the kernel would not take are malformed") {
    StepOutcome outcome = sample_outcome();
    outcome.filters[0].program.clear();
    CHECK_FALSE(unpack_outcome(pack(Result<StepOutcome>(outcome))).ok());
    outcome.filters[0].program.resize(4097);
    CHECK_FALSE(unpack_outcome(pack(Result<StepOutcome>(outcome))).ok());
    outcome = sample_outcome();
    outcome.filters[0].flags = 8;  // a listener
    CHECK_FALSE(unpack_outcome(pack(Result<StepOutcome>(outcome))).ok());
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
