// Files of Singularity 3.3, SingularityCE and Apptainer as their packages ship them: their directives and defaults, written
// down here from their documents, make the files.
#include "runtime/config/import.hpp"

#include <catch2/catch.hpp>
#include <map>

#include "runtime/config/site_config.hpp"

using namespace berth;
using namespace berth::config;
using Catch::Matchers::Contains;

namespace {

using Lines = std::vector<std::string>;

const Lines kSingularity33 = {
    "allow setuid = yes", "max loop devices = 256", "allow pid ns = yes", "config passwd = yes", "config group = yes",
    "config resolv_conf = yes", "mount proc = yes", "mount sys = yes", "mount dev = yes", "mount devpts = yes", "mount home = yes",
    "mount tmp = yes", "mount hostfs = no", "bind path = /etc/localtime", "bind path = /etc/hosts", "user bind control = yes",
    "enable overlay = try", "enable underlay = yes", "mount slave = yes", "sessiondir max size = 16", "allow container squashfs = yes",
    "allow container extfs = yes", "allow container dir = yes", "always use nv = no", "root default capabilities = full",
    "memory fs type = tmpfs", "mksquashfs path = /usr/bin/mksquashfs", "shared loop devices = no"};

const Lines kCommonToday = {
    "allow setuid = yes", "max loop devices = 256", "allow ipc ns = yes", "allow pid ns = yes", "allow user ns = yes", "allow uts ns = yes",
    "config passwd = yes", "config group = yes", "config resolv_conf = yes", "mount proc = yes", "mount sys = yes", "mount dev = yes",
    "mount devpts = yes", "mount home = yes", "mount tmp = yes", "mount hostfs = no", "bind path = /etc/localtime", "bind path = /etc/hosts",
    "user bind control = yes", "enable fusemount = yes", "enable underlay = yes", "mount slave = yes", "sessiondir max size = 64",
    "allow container sif = yes", "allow container encrypted = yes", "allow container squashfs = yes", "allow container extfs = yes",
    "allow container dir = yes", "always use nv = no", "use nvidia-container-cli = no", "always use rocm = no",
    "root default capabilities = full", "memory fs type = tmpfs", "mksquashfs procs = 0", "shared loop devices = no",
    "download concurrency = 3", "download part size = 5242880", "download buffer size = 32768", "systemd cgroups = yes"};

const Lines kSingularityCeOnly = {
    "enable overlay = try", "oci mode = no", "tmp sandbox = yes", "allow kernel squashfs = yes", "allow kernel extfs = yes",
    "root search path = /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "user search path = $PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "cryptsetup path = /sbin/cryptsetup",
    "go path = /usr/bin/go", "ldconfig path = /sbin/ldconfig", "mksquashfs path = /usr/bin/mksquashfs",
    "unsquashfs path = /usr/bin/unsquashfs", "sif fuse = no"};

const Lines kApptainerOnly = {"enable overlay = yes", "image driver =", "apptheus socket path = /run/apptheus/gateway.sock", "allow monitoring = no"};

std::string text_of(std::initializer_list<Lines> parts) {
    std::string text = "# what a package ships\n\n";
    for (const Lines& lines : parts)
        for (const std::string& line : lines) text += "# about it\n" + line + "\n\n";
    return text;
}

Import imported(const std::string& text) {
    auto import = import_conf(text, "singularity.conf");
    if (!import) FAIL(import.error().message);
    return *import;
}

}  // namespace

TEST_CASE("import: the files of Singularity 3.3, SingularityCE and Apptainer are accepted as they are") {
    for (const std::string& text :
         {text_of({kSingularity33}), text_of({kCommonToday, kSingularityCeOnly}), text_of({kCommonToday, kApptainerOnly})}) {
        const Import import = imported(text);
        for (const ImportedLine& line : import.lines) {
            INFO(line.text);
            CHECK(line.verdict != Verdict::refused);
            CHECK((line.verdict == Verdict::same) == line.explanation.empty());
        }
        CHECK(import.accepted());
        CHECK(import.berth_conf == text);
        CHECK(parse(text, "singularity.conf").ok());
    }
    CHECK(imported(text_of({kSingularity33})).lines.size() == kSingularity33.size());
}

TEST_CASE("import: of such a file, only lines with values that mean something else differ") {
    std::string differing;
    for (const ImportedLine& line : imported(text_of({kCommonToday, kApptainerOnly})).lines)
        if (line.verdict == Verdict::differs) differing += line.text + "\n";
    CHECK(differing == "bind path = /etc/localtime\nbind path = /etc/hosts\nsessiondir max size = 64\nallow container encrypted = yes\n"
                       "allow container extfs = yes\nenable overlay = yes\n");
    CHECK(imported("mount dev = yes").lines[0].explanation.empty());
    CHECK(imported("max loop devices = 0").lines[0].verdict == Verdict::differs);
}

TEST_CASE("import: each line has its verdict, and what is refused is a comment of the new file") {
    const std::string text =
        "mount home = yes\r\nmount dev = minimal\nallow pid ns = no\n\nimage driver = fancy\noci mode = yes\nallow uts ns = perhaps\n"
        "mount home = no\nnot a line\nbell = \a\n# a comment\nenable overlay = no";
    const Import import = imported(text);
    const std::map<unsigned, Verdict> expected = {{1, Verdict::same},    {2, Verdict::differs},  {3, Verdict::holds},
                                                  {5, Verdict::refused}, {6, Verdict::refused},  {7, Verdict::refused},
                                                  {8, Verdict::refused}, {9, Verdict::refused},  {10, Verdict::refused},
                                                  {12, Verdict::refused}};
    std::map<unsigned, Verdict> found;
    for (const ImportedLine& line : import.lines) found[line.line] = line.verdict;
    CHECK(found == expected);
    CHECK_FALSE(import.accepted());
    CHECK(import.lines[2].text == "allow pid ns = no");
    CHECK_THAT(import.lines[3].explanation, Contains("there are no plugins here; remove the value"));
    CHECK_THAT(import.berth_conf, Contains("# Refused by Berth: there are no plugins here") && Contains("\n# image driver = fancy\n") &&
                                      Contains("\n# bell = \\x07\n"));
    const auto site = parse(import.berth_conf, "berth.conf");
    REQUIRE(site.ok());
    CHECK(site->mount_dev.value == MountDev::minimal);
    CHECK(imported(import.berth_conf).accepted());
}

TEST_CASE("import: sections of a berth.conf, and what is no such file") {
    const Import import = imported("[group staff]\nmount home = no\n");
    CHECK(import.accepted());
    CHECK(import.lines[0].verdict == Verdict::differs);
    const Import queue = imported("[queue gpu]\nmount home = no\n[group staff]\nmount tmp = no\n");
    REQUIRE(queue.lines.size() == 4);
    CHECK(queue.lines[1].verdict == Verdict::refused);
    CHECK(parse(queue.berth_conf, "x")->mount_home.value);
    CHECK_FALSE(for_job(*parse_file(queue.berth_conf, "x"), {false, {}, {}, {"staff"}}).mount_tmp.value);
    std::string nonsense;
    for (int i = 0; i < 200; ++i) nonsense += "nonsense\n";
    CHECK_FALSE(import_conf(nonsense, "x").ok());
    CHECK(imported("").lines.empty());
    CHECK(imported("").berth_conf.empty());
}
