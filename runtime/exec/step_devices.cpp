#include "runtime/exec/step_devices.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string_view>

#include "runtime/base/io.hpp"
#include "runtime/exec/cgroups.hpp"

namespace berth {
namespace {

constexpr const char* kOwn = "berth-probe";
constexpr std::string_view kDaemonsPart = "/slurm";  // of a step's v2 cgroup, beside the tasks' "/user"

/// The cgroup of the step's tasks that says which devices there are; "": none does.
std::string device_folder(const CgroupPlace* place) {
    if (place == nullptr || !is_slurm_step(place->folder)) return {};
    if (!place->unified) return place->folder;
    if (!place->folder.ends_with(kDaemonsPart)) return {};
    return place->folder.substr(0, place->folder.size() - kDaemonsPart.size()) + "/user";
}

}  // namespace

Result<StepDevices> StepDevices::of(pid_t daemon) {
    StepDevices devices;
    BERTH_TRY(const auto places, cgroup_places(daemon));
    const CgroupPlace* const cgroup = find_place(places, "devices");
    const std::string folder = device_folder(cgroup);
    if (folder.empty()) return devices;
    auto place = open_at(AT_FDCWD, folder, O_PATH | O_DIRECTORY | O_NOFOLLOW);
    // Slurm makes `user` for the tasks; where it does without, no program of its is there to be asked.
    if (!place && place.error().number == ENOENT && cgroup->unified) return devices;
    if (!place) return std::move(place).error().within("the step's devices");
    if (!cgroup->unified) {
        BERTH_TRY(devices.processes_, open_at(place->get(), "cgroup.procs", O_WRONLY));
        return devices;
    }
    if (::mkdirat(place->get(), kOwn, 0700) != 0) return errno_error("the step's devices: " + folder + "/" + kOwn);
    devices.user_ = std::move(place).value();
    BERTH_TRY(devices.processes_, open_at(devices.user_.get(), std::string(kOwn) + "/cgroup.procs", O_WRONLY));
    return devices;
}

StepDevices::~StepDevices() {
    if (!user_) return;
    // The kernel lets go of a process that was reaped only a moment later.
    constexpr useconds_t kPause = 1000;
    constexpr int kTries = 1000;
    for (int tries = 0; tries < kTries; ++tries) {
        if (::unlinkat(user_.get(), kOwn, AT_REMOVEDIR) == 0 || errno != EBUSY) return;
        ::usleep(kPause);
    }
}

void StepDevices::remove_remains(pid_t daemon) noexcept {
    const auto places = cgroup_places(daemon);
    const CgroupPlace* const cgroup = places ? find_place(*places, "devices") : nullptr;
    if (cgroup == nullptr || !cgroup->unified) return;
    const std::string folder = device_folder(cgroup);
    if (!folder.empty()) ::rmdir((folder + "/" + kOwn).c_str());
}

Status StepDevices::join() const {
    if (!processes_) return {};
    return write_all(processes_.get(), "0", "the step's devices");  // 0: the process that writes
}

}  // namespace berth
