#include "runtime/environment/environment.hpp"

#include <catch2/catch.hpp>
#include <vector>

namespace berth {
namespace {

const ContainerFacts kFacts{"/home/ada", "/images/demo.sif"};

Variables complete(Variables variables, const Variables& caller, const Request& request = {}) {
    after_scripts(variables, caller, request, kFacts);
    return variables;
}

TEST_CASE("entries of an environment are split at the first '='; malformed ones are dropped") {
    const std::vector<std::string> entries{"A=1",
                                           "B=x=y",
                                           "EMPTY=",
                                           "=no name",
                                           "no value",
                                           "",
                                           "A=2",
                                           "M=two\nlines",
                                           std::string("N=a\0b", 5),
                                           "odd.name%%=\xFF\x01"};
    CHECK(parse_environment(entries) ==
          Variables{{"A", "1"}, {"B", "x=y"}, {"EMPTY", ""}, {"M", "two\nlines"}, {"odd.name%%", "\xFF\x01"}});
}

TEST_CASE("the image's scripts start without the host's variables") {
    CHECK(before_scripts(kFacts) == Variables{{"HOME", "/home/ada"},
                                              {"PATH", std::string(kDefaultPath)},
                                              {"BERTH_CONTAINER", "/images/demo.sif"},
                                              {"BERTH_NAME", "demo.sif"},
                                              {"APPTAINER_CONTAINER", "/images/demo.sif"},
                                              {"APPTAINER_NAME", "demo.sif"},
                                              {"SINGULARITY_CONTAINER", "/images/demo.sif"},
                                              {"SINGULARITY_NAME", "demo.sif"}});
    CHECK(before_scripts({"/root", ""}) == Variables{{"HOME", "/root"}, {"PATH", std::string(kDefaultPath)}});
}

TEST_CASE("what the image sets wins over the host, what it leaves comes from the host") {
    const Variables caller{{"LANG", "C.UTF-8"}, {"CC", "icc"},  {"odd.name", "kept\n\xFF"},
                           {"PWD", "/work"},    {"HOME", "/h"}, {"PATH", "/host"},
                           {"SHLVL", "3"}};
    const Variables result = complete(
        {{"CC", "gcc"}, {"HOME", "/home/ada"}, {"PATH", "/image"}, {"PWD", "/"}, {"_", "x"}, {"SHLVL", "1"}}, caller);
    CHECK(result.at("CC") == "gcc");
    CHECK(result.at("LANG") == "C.UTF-8");
    CHECK(result.at("odd.name") == "kept\n\xFF");
    CHECK(result.at("HOME") == "/home/ada");
    CHECK(result.at("PATH") == "/image");
    CHECK(result.at("PWD") == "/work");
    CHECK(result.at("SHLVL") == "3");
    CHECK_FALSE(result.contains("_"));
}

TEST_CASE("variables that would mislead in the container stay on the host") {
    const Variables caller{{"LD_LIBRARY_PATH", "/host"}, {"LD_PRELOAD", "x.so"},
                           {"LD_AUDIT", "y.so"},         {"BASH_FUNC_ml%%", "() { evil; }"},
                           {"BASH_FUNC_old()", "() {"},  {"SINGULARITY_BIND", "/"},
                           {"APPTAINER_BIND", "/"},      {"BERTH_BIND", "/"},
                           {"BERTHENV_A", "1"},          {"BERTHENV_BASH_FUNC_x%%", "() {"}};
    const Variables result = complete(before_scripts(kFacts), caller);
    Variables expected = before_scripts(kFacts);
    expected["A"] = "1";
    CHECK(result == expected);
}

TEST_CASE("a HOME or PATH that the image unset comes back") {
    const Variables result = complete({}, {});
    CHECK(result.at("HOME") == "/home/ada");
    CHECK(result.at("PATH") == kDefaultPath);
}

TEST_CASE("a clean environment keeps what the job needs and no more") {
    Request request;
    request.environment = Environment::clean;
    const Variables kept{{"TERM", "xterm"},    {"LC_CTYPE", "C"}, {"SLURM_JOB_ID", "7"},
                         {"PMIX_RANK", "0"},   {"PMI_FD", "9"},   {"CUDA_VISIBLE_DEVICES", "0"},
                         {"https_proxy", "p"}, {"USER", "ada"}};
    Variables caller = kept;
    for (const char* name : {"SECRET", "TERMCAP", "SPANK_X", "LD_PRELOAD", "PYTHONPATH", "SLURM", "XLC_A"})
        caller[name] = "no";
    caller["APPTAINERENV_WANTED"] = "yes";
    Variables expected = before_scripts(kFacts);
    expected.insert(kept.begin(), kept.end());
    expected["WANTED"] = "yes";
    CHECK(complete(before_scripts(kFacts), caller, request) == expected);
}

TEST_CASE("the caller's prefixed variables win over the image, Berth's first, and --env over them") {
    const Variables caller{{"SINGULARITYENV_A", "s"},      {"APPTAINERENV_A", "a"}, {"BERTHENV_A", "b"},
                           {"SINGULARITYENV_B", "s"},      {"APPTAINERENV_B", "a"}, {"SINGULARITYENV_C", "$(odd)\n'\""},
                           {"BERTHENV_", "nameless"},      {"BERTHENV_D", "b"},     {"E", "caller"},
                           {"BERTHENV_HOME", "/elsewhere"}};
    Request request;
    request.environment_changes = {
        {"D", "env"}, {"E", std::nullopt}, {"UNKNOWN", std::nullopt}, {"F", "1"}, {"F", "2"}};
    const Variables result =
        complete({{"A", "i"}, {"B", "i"}, {"C", "i"}, {"D", "i"}, {"E", "i"}, {"UNKNOWN", "i"}}, caller, request);
    CHECK(result.at("A") == "b");
    CHECK(result.at("B") == "a");
    CHECK(result.at("C") == "$(odd)\n'\"");
    CHECK(result.at("D") == "env");
    CHECK(result.at("E") == "caller");
    CHECK(result.at("F") == "2");
    CHECK(result.at("UNKNOWN") == "i");
    CHECK(result.at("HOME") == "/elsewhere");
    for (const auto& [name, value] : result) CHECK(name.find("ENV_") == std::string::npos);
}

TEST_CASE("PATH is extended or replaced on request") {
    struct Row {
        Variables caller;
        std::vector<EnvironmentChange> changes;
        std::string path;
    };
    const std::vector<Row> rows = {
        {{{"BERTHENV_PREPEND_PATH", "/a"}}, {}, "/a:/image"},
        {{{"SINGULARITYENV_APPEND_PATH", "/z"}}, {}, "/image:/z"},
        {{{"APPTAINERENV_PREPEND_PATH", "/a"}, {"APPTAINERENV_APPEND_PATH", "/z"}}, {}, "/a:/image:/z"},
        {{{"BERTHENV_PATH", "/only"}, {"BERTHENV_PREPEND_PATH", "/a"}}, {}, "/only"},
        {{{"BERTHENV_PATH", ""}, {"BERTHENV_APPEND_PATH", ""}}, {}, "/image"},
        {{{"BERTHENV_PREPEND_PATH", "/a"}}, {{"PREPEND_PATH", "/b"}}, "/b:/image"},
        {{}, {{"PATH", "/env"}}, "/env"},
        {{{"PATH", "/callers"}}, {{"PATH", std::nullopt}}, "/callers"},
    };
    for (const Row& row : rows) {
        Request request;
        request.environment_changes = row.changes;
        const Variables result = complete({{"PATH", "/image"}}, row.caller, request);
        CHECK(result.at("PATH") == row.path);
        CHECK(result.count("PREPEND_PATH") + result.count("APPEND_PATH") == 0);
    }
}

TEST_CASE("a library path of the user's keeps the container's own libraries") {
    CHECK(complete({}, {{"BERTHENV_LD_LIBRARY_PATH", "/x"}}).at("LD_LIBRARY_PATH") == "/x:/.singularity.d/libs");
    CHECK(complete({}, {{"BERTHENV_LD_LIBRARY_PATH", "/.singularity.d/libs:/x"}}).at("LD_LIBRARY_PATH") ==
          "/.singularity.d/libs:/x");
    CHECK(complete({{"LD_LIBRARY_PATH", "i"}}, {{"BERTHENV_LD_LIBRARY_PATH", ""}}).at("LD_LIBRARY_PATH").empty());
}

TEST_CASE("libraries of the host's are found after all others") {
    ContainerFacts facts = kFacts;
    facts.libraries = true;
    const auto path = [&](Variables variables, const Variables& caller) {
        after_scripts(variables, caller, {}, facts);
        return variables.at("LD_LIBRARY_PATH");
    };
    CHECK(path({}, {}) == "/.singularity.d/libs");
    CHECK(path({}, {{"LD_LIBRARY_PATH", "/host"}}) == "/.singularity.d/libs");
    CHECK(path({{"LD_LIBRARY_PATH", ""}}, {}) == "/.singularity.d/libs");
    CHECK(path({{"LD_LIBRARY_PATH", "/image"}}, {}) == "/image:/.singularity.d/libs");
    CHECK(path({{"LD_LIBRARY_PATH", "/.singularity.d/libs:/image"}}, {}) == "/.singularity.d/libs:/image");
    CHECK(path({{"LD_LIBRARY_PATH", "/image"}}, {{"BERTHENV_LD_LIBRARY_PATH", "/mine"}}) == "/mine:/.singularity.d/libs");
}

TEST_CASE("Slurm's word on devices is over the image's, and the user's over both") {
    for (const char* name : {"CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL",
                             "ZE_AFFINITY_MASK"})
        for (const Environment environment : {Environment::inherit, Environment::clean}) {
            INFO(name);
            Request request;
            request.environment = environment;
            CHECK(complete({{name, "all"}}, {{name, "1"}}, request).at(name) == "1");
            CHECK(complete({{name, "all"}}, {}, request).at(name) == "all");
            request.environment_changes = {{name, "2"}};
            CHECK(complete({{name, "all"}}, {{name, "1"}}, request).at(name) == "2");
            CHECK(kept_when_clean(name));
        }
}

TEST_CASE("the container's name can not be forged") {
    CHECK(complete({}, {{"BERTHENV_BERTH_CONTAINER", "/forged"}}).at("BERTH_CONTAINER") == "/images/demo.sif");
}

}  // namespace
}  // namespace berth
