// Signatures in the decision: who asked, what was found, and what follows for the mount.
#include "decision_fixture.hpp"
#include "runtime/plan/plan.hpp"

using namespace berth;
using namespace berth::test;
using Catch::Matchers::Contains;

namespace {

const std::string kRequired = "require signature = yes\n";

SignatureInfo signed_by_ann(Held held) {
    SignatureInfo info;
    info.signers = {{"AAAA", "Ann <a@example.org>"}, {"BBBB", ""}};
    info.held = held;
    if (held == Held::hash_tree) info.tree = HashTreeInfo{40960, 8192, {}};
    return info;
}

const effect::StartImageServer* server_of(const Plan& plan) {
    for (const auto& step : plan.steps)
        if (const auto* start = std::get_if<effect::StartImageServer>(&step.effect)) return start;
    return nullptr;
}

}  // namespace

TEST_CASE("decision: signatures are looked at only when somebody asks") {
    Situation now;
    CHECK_FALSE(wants_signature(now.request, {now.site, {}}));
    CHECK_FALSE(now.decide().refusal);
    CHECK(rulings_on(now.decide(), "signature").empty());
    CHECK(wants_signature(Situation().with("verify").request, {now.site, {}}));
    CHECK(wants_signature(now.request, {site_of(kRequired), {}}));
}

TEST_CASE("decision: an image that was not verified is refused to everybody") {
    for (const Who& who : kEverybody) {
        INFO(who.name);
        Situation required;
        required.with_site(kRequired);
        who.put_into(required.job);
        // Whoever forgot to check has not verified.
        REQUIRE(required.decide().refusal);
        required.image.signature.emplace().problem = "/apps/a.sif: it is not signed";
        const Decision decision = required.decide();
        REQUIRE(decision.refusal);
        CHECK(decision.refusal->category == Category::denied);
        CHECK(decision.refusal->message == "/apps/a.sif: it is not signed (" + rule_at(1, "require signature = yes") + ")");
        CHECK(rulings_on(decision, "signature") == "refused [" + rule_at(1, "require signature = yes") + "]");
        Situation asked;
        asked.with("verify");
        who.put_into(asked.job);
        asked.image.signature = required.image.signature;
        REQUIRE(asked.decide().refusal);
        CHECK_THAT(asked.decide().refusal->message, Contains("(--verify)"));
    }
}

TEST_CASE("decision: the signers are named, and why what is mounted is what they signed") {
    Situation now;
    now.with_site(kRequired);
    now.image.signature = signed_by_ann(Held::unchangeable);
    const Decision decision = now.decide();
    CHECK_FALSE(decision.refusal);
    CHECK(rulings_on(decision, "signature") == "by AAAA (Ann <a@example.org>), BBBB [" + rule_at(1, "require signature = yes") + "]");
    CHECK_THAT(rulings_on(decision, "what is mounted"), Contains("nobody else could change the file"));
    now.image.signature = signed_by_ann(Held::copy);
    CHECK_THAT(rulings_on(now.decide(), "what is mounted"), Contains("a copy that only root could change"));
}

TEST_CASE("decision: the kernel mounts a verified image only where root alone can change it") {
    Situation now;
    now.with("verify");
    now.job.privileged = true;
    now.image.root_controlled = true;
    now.image.signature = signed_by_ann(Held::unchangeable);
    CHECK(now.decide().driver == Driver::kernel_squashfs);
    now.image.signature = signed_by_ann(Held::hash_tree);
    CHECK(now.decide().driver == Driver::fuse);
    now.image.signature = signed_by_ann(Held::copy);
    CHECK(now.decide().driver == Driver::fuse);
    now.job.privileged = false;
    CHECK(now.decide().driver == Driver::fuse_as_user);
}

TEST_CASE("decision: the image server gets the hash tree that was signed") {
    Situation now;
    now.with("verify");
    now.image.signature = signed_by_ann(Held::hash_tree);
    const Plan plan = make_plan(now.decide(), now.image, now.job, {});
    const auto* start = server_of(plan);
    REQUIRE(start != nullptr);
    CHECK(start->tree == now.image.signature->tree);
    CHECK_THAT(describe(*start, plan), Contains("checked against the hash tree at 40960"));
    now.image.signature = signed_by_ann(Held::copy);
    const Plan copied = make_plan(now.decide(), now.image, now.job, {});
    REQUIRE(server_of(copied) != nullptr);
    CHECK_FALSE(server_of(copied)->tree);
}
