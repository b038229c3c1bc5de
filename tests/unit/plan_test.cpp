// What will be done, in which order, compared as a whole.
#include "runtime/plan/plan.hpp"

#include "decision_fixture.hpp"

using namespace berth;
using namespace berth::test;
using namespace berth::effect;

namespace {

/// A decision with nothing but the image in it.
Decision bare() {
    Decision decision;
    decision.proc = decision.sys = decision.passwd = decision.group = decision.resolv_conf = false;
    decision.devices = Devices::image;
    decision.tmp = Tmp::image;
    decision.working_directory = "/work";
    return decision;
}

/// The names of a plan's steps, with "phase:" where the phase changes.
std::string names_of(const Plan& plan) {
    std::string text, phase;
    for (const auto& step : plan.steps) {
        if (phase != to_string(step.phase)) {
            phase = to_string(step.phase);
            text += (text.empty() ? "" : " ") + phase + ":";
        }
        text += std::string(" ") + name_of(step.effect);
    }
    return text;
}

template <class T>
std::vector<T> effects_of(const Plan& plan) {
    std::vector<T> found;
    for (const auto& step : plan.steps)
        if (const auto* each = std::get_if<T>(&step.effect)) found.push_back(*each);
    return found;
}

std::string binds_of(const Plan& plan) {
    std::string text;
    for (const auto& bind : effects_of<Bind>(plan)) {
        const SourceSpec& source = plan.sources.at(bind.source);
        text +=
            source.path + ":" + bind.destination + (bind.read_only ? ":ro" : "") + (source.required ? "" : "?") + " ";
        CHECK_FALSE(bind.devices);
    }
    return text;
}

JobContext job_of(const Who& who) {
    JobContext job = Situation().job;
    who.put_into(job);
    job.working_directory = "/work";
    return job;
}

}  // namespace

TEST_CASE("plan: the smallest one, for a user by the command") {
    Decision decision = bare();
    decision.driver = Driver::fuse_as_user;
    decision.mount_slave = false;
    const Plan expected{{},
                        {{Phase::prepare, StartImageServer{32768, 4096, std::nullopt}},
                         {Phase::prepare, NewNamespaces{true, 1000, 1001, false}},
                         {Phase::prepare, MountImage{Driver::fuse_as_user, 32768, 4096}},
                         {Phase::prepare, OpenSources{}},
                         {Phase::prepare, LayerMountPoints{{}, false, false}},
                         {Phase::prepare, PivotRoot{}},
                         {Phase::enter, DropBoundingSet{}},
                         {Phase::user, ChangeDirectory{"/work", false, "/"}},
                         {Phase::user, DropCapabilities{}},
                         {Phase::user, NoNewPrivileges{}},
                         {Phase::user, CloseDescriptors{}}}};
    const Plan plan = make_plan(decision, Situation().image, job_of(kEverybody[0]), {});
    CHECK(plan == expected);
    Plan other = expected;
    std::swap(other.steps[0], other.steps[1]);
    CHECK_FALSE(plan == other);
}

TEST_CASE("plan: a step of Slurm's, whole") {
    Decision decision = bare();
    decision.driver = Driver::kernel_squashfs;
    decision.proc = decision.passwd = true;
    decision.home = {DecidedHome::Kind::fresh, {}, "/home/ada"};
    decision.binds = {{"/data", "/in", true, true}, {"/opt", "/opt", false, false}};
    decision.working_directory_required = true;
    const Plan expected{
        {{"/proc", true}, {"/data", true}, {"/opt", false}},
        {{Phase::prepare, MountImage{Driver::kernel_squashfs, 32768, 4096}},
         {Phase::prepare, OpenSources{}},
         {Phase::prepare, NewNamespaces{false, 1000, 1001, true}},
         {Phase::prepare,
          LayerMountPoints{
              {{"/proc", false}, {"/home/ada", false}, {"/in", false}, {"/opt", true}, {"/work", true}}, true, false}},
         {Phase::prepare, Bind{0, "/proc", false, false}},
         {Phase::prepare, MountTmpfs{"/home/ada", 0700, 1000, 1001}},
         {Phase::prepare, Bind{1, "/in", true, false}},
         {Phase::prepare, Bind{2, "/opt", false, false}},
         {Phase::prepare, MakeFolder{"/work"}},
         {Phase::prepare, PivotRoot{}},
         {Phase::enter, EnterNamespaces{}},
         {Phase::enter, DropBoundingSet{}},
         {Phase::user, ChangeDirectory{"/work", true, "/home/ada"}},
         {Phase::user, DropCapabilities{}},
         {Phase::user, NoNewPrivileges{}},
         {Phase::user, CloseDescriptors{}}}};
    CHECK(make_plan(decision, Situation().image, job_of(kEverybody[2]), {}) == expected);
}

TEST_CASE("plan: what confines a task, and in which order") {
    Decision decision = bare();
    decision.capabilities = 5;
    decision.uid = 4711;
    decision.gids = {4712, 4713};
    decision.label = DecidedLabel{SecurityModule::selinux, "a:b:c"};
    decision.site_profile = "/etc/site.json";
    decision.user_profile = "mine.json";
    const TaskSpec task = task_spec(decision);
    const std::vector<Step> expected = {{Phase::enter, OpenLabel{SecurityModule::selinux}},
                                        {Phase::enter, EnterNamespaces{}},
                                        {Phase::enter, DropBoundingSet{5}},
                                        {Phase::user, BecomeIdentity{4711, {4712, 4713}}},
                                        {Phase::user, ChangeDirectory{"/work", false, "/"}},
                                        {Phase::user, SetLabel{SecurityModule::selinux, "a:b:c"}},
                                        {Phase::user, DropCapabilities{5}},
                                        {Phase::user, NoNewPrivileges{}},
                                        {Phase::user, CloseDescriptors{}},
                                        {Phase::user, InstallFilters{{"/etc/site.json", "mine.json"}}}};
    CHECK(task_steps(task, true) == expected);
    TaskSpec privileged;
    privileged.no_new_privileges = false;
    CHECK(task_steps(privileged, false) ==
          std::vector<Step>{{Phase::enter, DropBoundingSet{}},
                            {Phase::user, ChangeDirectory{}},
                            {Phase::user, DropCapabilities{}},
                            {Phase::user, CloseDescriptors{}}});
}

TEST_CASE("plan: the order of the steps, for everybody") {
    for (const Who& who : kEverybody) {
        INFO(who.name);
        Situation now;
        who.put_into(now.job);
        const Decision decision = now.with("bind", "/data").decide();
        const std::string names = names_of(make_plan(decision, now.image, now.job, {}));
        // Root copies the host's mounts before it leaves its namespace; a user may copy only what his own holds.
        const std::string begin = who.privileged
                                      ? "prepare: StartImageServer MountImage OpenSources NewNamespaces LayerMountPoints "
                                      : "prepare: StartImageServer NewNamespaces MountImage OpenSources LayerMountPoints ";
        const std::string folder = who.launch == Launch::slurm ? "MakeFolder " : "";
        const std::string enter =
            who.launch == Launch::slurm ? "enter: EnterNamespaces DropBoundingSet " : "enter: DropBoundingSet ";
        CHECK(names == begin + "Bind Bind MakeDevices Bind Bind Bind Bind Bind " + folder + "PivotRoot " + enter +
                           "user: ChangeDirectory DropCapabilities " + (who.uid == 0 ? "" : "NoNewPrivileges ") + "CloseDescriptors");
        CHECK(effects_of<NewNamespaces>(make_plan(decision, now.image, now.job, {}))[0].user == !who.privileged);
    }
}

TEST_CASE("plan: the site's binds, then the working directory, then the user's, then the batch script") {
    Situation now;
    now.with_site("bind path = /etc/hosts\nconfig resolv_conf = no\n").with("bind", "/data/run/sub,/x:/y:ro");
    now.job.launch = Launch::slurm;
    now.job.privileged = true;
    now.job.batch_script = "/spool/script";
    const Plan plan = make_plan(now.decide(), now.image, now.job, {});
    CHECK(binds_of(plan) ==
          "/proc:/proc /sys:/sys /tmp:/tmp? /var/tmp:/var/tmp? /home/ada:/home/ada /etc/hosts:/etc/hosts? "
          "/data/run:/data/run? "
          "/data/run/sub:/data/run/sub /x:/y:ro /spool/script:/spool/script:ro ");
    CHECK(effects_of<MakeFolder>(plan) == std::vector<MakeFolder>{{"/data/run"}});
}

TEST_CASE("plan: every mount has its mount point, in the same order, and every source is used once") {
    for (const Who& who : kEverybody) {
        INFO(who.name);
        Situation now;
        who.put_into(now.job);
        now.job.batch_script = "/spool/script";
        now.with("bind", "/x:/y");
        const Plan plan = make_plan(now.decide(), now.image, now.job, {{"fuse", "nvidia0"}, true, true});
        std::vector<MountPoint> expected;
        std::vector<std::size_t> used(plan.sources.size(), 0);
        for (const auto& step : plan.steps) {
            if (const auto* bind = std::get_if<Bind>(&step.effect)) {
                expected.push_back({bind->destination, !plan.sources.at(bind->source).required});
                ++used.at(bind->source);
            } else if (const auto* tmpfs = std::get_if<MountTmpfs>(&step.effect)) {
                expected.push_back({tmpfs->destination, false});
            } else if (const auto* folder = std::get_if<MakeFolder>(&step.effect)) {
                expected.push_back({folder->path, true});
            } else if (const auto* devices = std::get_if<MakeDevices>(&step.effect)) {
                expected.push_back({"/dev", false});
                for (const auto& node : devices->nodes) {
                    ++used.at(node.source);
                    CHECK(plan.sources[node.source].path == "/dev/" + node.name);
                    CHECK_FALSE(plan.sources[node.source].required);
                }
            }
        }
        const auto layers = effects_of<LayerMountPoints>(plan);
        REQUIRE(layers.size() == 1);
        CHECK(layers[0].points == expected);
        CHECK(std::ranges::count(used, std::size_t{1}) == static_cast<std::ptrdiff_t>(used.size()));
    }
}

TEST_CASE("plan: /dev") {
    const auto names = [](Devices devices, const HostFacts& host, bool devpts = true) {
        Decision decision = bare();
        decision.devices = devices;
        decision.devpts = devpts;
        std::string text;
        for (const auto& each : effects_of<MakeDevices>(make_plan(decision, {}, {}, host))) {
            for (const auto& node : each.nodes) text += node.name + " ";
            for (const auto& link : each.links) text += link.name + ">" + link.target + " ";
            if (each.terminals) text += "with terminals";
        }
        return text;
    };
    const std::string links = "fd>/proc/self/fd stdin>fd/0 stdout>fd/1 stderr>fd/2 ";
    const HostFacts host{{"fuse", "nvidia0"}, true, true};
    CHECK(names(Devices::image, host).empty());
    CHECK(names(Devices::minimal, host) == "null zero random urandom tty shm " + links + "ptmx>pts/ptmx with terminals");
    CHECK(names(Devices::minimal, {{"fuse"}, false, false}) == "null zero random urandom tty " + links + "ptmx>pts/ptmx with terminals");
    CHECK(names(Devices::host, host) ==
          "null zero random urandom tty shm full pts fuse nvidia0 " + links + "ptmx>pts/ptmx ");
    CHECK(names(Devices::host, {{}, false, false}) == "null zero random urandom tty full " + links);
    CHECK(names(Devices::minimal, host, false) == "null zero random urandom tty shm " + links);
}

TEST_CASE("plan: what belongs to a GPU, beneath what the user binds") {
    Situation now;
    now.request.binds = {{"/a", "/b", false}};
    Decision decision = now.decide();
    decision.device_files = {{"/opt/nvidia-smi", "/usr/bin/nvidia-smi", true, false}};
    decision.device_libraries = {{"/usr/lib/libcuda.so.5", {"libcuda.so.1", "libcuda.so"}}};
    decision.device_nodes = {"dri/renderD128", "nvidia0"};
    decision.devices = Devices::minimal;
    const Plan plan = make_plan(decision, now.image, now.job, {{"fuse"}, false, false});
    const auto devices = effects_of<MakeDevices>(plan);
    REQUIRE(devices.size() == 1);
    CHECK(devices[0].nodes.back().name == "nvidia0");
    CHECK(plan.sources[devices[0].nodes[devices[0].nodes.size() - 2].source] == SourceSpec{"/dev/dri/renderD128", false});
    const auto binds = effects_of<effect::Bind>(plan);
    const auto at = [&](const std::string& destination) { return std::ranges::find(binds, destination, &effect::Bind::destination) - binds.begin(); };
    const auto program = at("/usr/bin/nvidia-smi");
    REQUIRE(program < at("/b"));
    CHECK(binds[static_cast<std::size_t>(program)].read_only);
    CHECK(plan.sources[binds[static_cast<std::size_t>(program)].source] == SourceSpec{"/opt/nvidia-smi", false});
    const auto libraries = effects_of<effect::MakeLibraries>(plan);
    REQUIRE(libraries.size() == 1);
    REQUIRE(libraries[0].files.size() == 1);
    CHECK(plan.sources[libraries[0].files[0].source] == SourceSpec{"/usr/lib/libcuda.so.5", false});
    CHECK(libraries[0].files[0].names == std::vector<std::string>{"libcuda.so.1", "libcuda.so"});
    CHECK_THAT(names_of(plan), Catch::Matchers::Contains("MakeLibraries Bind Bind Bind "));
}

TEST_CASE("plan: hooks run when all is mounted, and for a quarter of a minute at most") {
    Situation now;
    Decision decision = now.decide();
    decision.cdi.hooks = {{"prestart", "/opt/a", {}, {}, std::nullopt}, {"createContainer", "/opt/b", {}, {}, 3}, {"createContainer", "/opt/c", {}, {}, 4000000000U}};
    const Plan plan = make_plan(decision, now.image, now.job, {});
    const auto hooks = effects_of<RunHook>(plan);
    REQUIRE(hooks.size() == 3);
    CHECK(hooks[0] == RunHook{decision.cdi.hooks[0], std::chrono::seconds(10)});
    CHECK(hooks[1].limit == std::chrono::seconds(3));
    CHECK(hooks[2].limit == std::chrono::seconds(15));
    CHECK_THAT(names_of(plan), Catch::Matchers::Contains("Bind RunHook RunHook RunHook PivotRoot"));
}

TEST_CASE("plan: fresh folders, and where the command starts") {
    Situation now;
    now.job.uid = 1000;
    const Plan plan = make_plan(now.with("contain").decide(), now.image, now.job, {});
    CHECK(effects_of<MountTmpfs>(plan) ==
          std::vector<MountTmpfs>{{"/tmp", 01777, 0, 0, 64}, {"/var/tmp", 01777, 0, 0, 64}, {"/home/ada", 0700, 1000, 1001, 64}});
    now.with_site("memory fs type = ramfs\nsessiondir max size = 7\nmount tmp = no\n");
    CHECK(effects_of<MountTmpfs>(make_plan(now.decide(), now.image, now.job, {})) ==
          std::vector<MountTmpfs>{{"/home/ada", 0700, 1000, 1001, 7, config::MemoryFs::ramfs}});
    now.with_site("");
    CHECK(effects_of<ChangeDirectory>(plan) == std::vector<ChangeDirectory>{{"/home/ada", false, "/home/ada"}});
    now.with("no-home").with("pwd", "/x");
    CHECK(effects_of<ChangeDirectory>(make_plan(now.decide(), now.image, now.job, {})) ==
          std::vector<ChangeDirectory>{{"/x", true, "/"}});
}

TEST_CASE("plan: the kernel's driver knows the loop devices that it may use") {
    Situation now;
    now.job.privileged = now.image.root_controlled = true;
    now.with_site("max loop devices = 9\n");
    const Plan plan = make_plan(now.decide(), now.image, now.job, {});
    CHECK(effects_of<MountImage>(plan) == std::vector<MountImage>{{Driver::kernel_squashfs, 32768, 4096, 9}});
}

TEST_CASE("plan: the host's file systems lie beneath the user's mounts, and may be missing") {
    Decision decision = bare();
    decision.host_mounts = {"/home", "/scratch"};
    decision.home = {DecidedHome::Kind::host, "/home/ada", "/home/ada"};
    const Plan plan = make_plan(decision, Situation().image, job_of(kEverybody[0]), {});
    CHECK(plan.sources == std::vector<SourceSpec>{{"/home", false}, {"/scratch", false}, {"/home/ada", true}});
    CHECK(effects_of<Bind>(plan) ==
          std::vector<Bind>{{0, "/home", false, false}, {1, "/scratch", false, false}, {2, "/home/ada", false, false}});
}

TEST_CASE("plan: a command makes no folder for slurmstepd, and neither does a step without a working directory") {
    JobContext job = job_of(kEverybody[1]);
    CHECK(effects_of<MakeFolder>(make_plan(bare(), {}, job, {})).empty());
    job.launch = Launch::slurm;
    CHECK(effects_of<MakeFolder>(make_plan(bare(), {}, job, {})).size() == 1);
    job.working_directory.clear();
    CHECK(effects_of<MakeFolder>(make_plan(bare(), {}, job, {})).empty());
}

TEST_CASE("plan: the same inputs give the same plan, and each input shows") {
    Situation now;
    const Plan plan = make_plan(now.decide(), now.image, now.job, {});
    CHECK(plan == make_plan(now.decide(), now.image, now.job, {}));
    Situation other = now;
    other.image.offset += 1;
    CHECK_FALSE(plan == make_plan(other.decide(), other.image, other.job, {}));
    CHECK_FALSE(plan == make_plan(now.decide(), now.image, now.job, {{"fuse"}, true, true}));
    CHECK_FALSE(plan == make_plan(Situation().with_site("config group = no\n").decide(), now.image, now.job, {}));
}
