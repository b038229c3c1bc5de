// The line about a decision: one object of JSON, whatever the user put into names.
#include "runtime/plan/audit.hpp"

#include <nlohmann/json.hpp>

#include "tests/unit/decision_fixture.hpp"

using namespace berth;
using namespace berth::test;
using nlohmann::json;

namespace {

AuditEvent event_of(const Situation& now) {
    AuditEvent event{"2030-01-02T03:04:05Z", "n1", "a.sif", now.image, now.decide(), std::nullopt};
    return event;
}

json line_of(const AuditEvent& event, const JobContext& job) {
    const std::string line = audit_line(event, job);
    CHECK(line.find('\n') == std::string::npos);
    return json::parse(line);
}

}  // namespace

TEST_CASE("audit: a step that runs") {
    Situation now;
    kEverybody[2].put_into(now.job);
    now.job.job = 42;
    now.job.step = 7;
    now.image.device = 5;
    now.image.inode = 6;
    now.image.file_bytes = 7;
    SignatureInfo signature;
    signature.signers = {{"ABCD", "Ann \xff\n"}};
    signature.held = Held::copy;
    signature.copy = "0123";
    now.image.signature = signature;
    now.with_site("require signature = yes\n");
    const json line = line_of(event_of(now), now.job);
    CHECK(line["time"] == "2030-01-02T03:04:05Z");
    CHECK(line["node"] == "n1");
    CHECK(line["job"] == 42);
    CHECK(line["step"] == 7);
    CHECK(line["uid"] == 1000);
    CHECK(line["user"] == "ada");
    CHECK(line["image"] == json{{"path", "/apps/a.sif"}, {"device", 5}, {"inode", 6}, {"bytes", 7}, {"digest", "sha256:0123"}});
    CHECK(line["signers"] == json::array({{{"key", "ABCD"}, {"name", "Ann \uFFFD\n"}}}));
    CHECK(line["rule"] == rule_at(1, "require signature = yes"));
    CHECK(line["outcome"] == "allowed");
    CHECK_FALSE(line.contains("message"));
}

TEST_CASE("audit: a hash tree's root is the digest") {
    Situation now;
    SignatureInfo signature;
    signature.tree = HashTreeInfo{};
    now.image.signature = signature;
    CHECK(line_of(event_of(now), now.job)["image"]["digest"] == "verity-sha256:" + std::string(64, '0'));
}

TEST_CASE("audit: a refusal names the first rule that refused") {
    Situation now;
    now.with_site("user bind control = no\nallow container sif = no\n").with("bind", "/x");
    const json line = line_of(event_of(now), now.job);
    CHECK(line["outcome"] == "refused");
    CHECK(line["rule"] == rule_at(2, "allow container sif = no"));
    CHECK_THAT(line["message"].get<std::string>(), Catch::Matchers::Contains("allow container sif = no"));
    CHECK_FALSE(line.contains("job"));
}

TEST_CASE("audit: what failed before it was decided") {
    Situation now;
    AuditEvent event{"t", "n", "/x/\xff\n", std::nullopt, std::nullopt, Error{Category::usage, 2, "no such file"}};
    const json line = line_of(event, now.job);
    CHECK(line["outcome"] == "failed");
    CHECK(line["message"] == "no such file");
    CHECK(line["image"] == json{{"path", "/x/\uFFFD\n"}});
    CHECK(line["rule"].get<std::string>().empty());
    CHECK(line["signers"] == json::array());
}
