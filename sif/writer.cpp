#include "sif/writer.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "sif/layout.hpp"

namespace berth::sif {
namespace {

Result<ImagePlan> plan(const WriteRequest& request) {
    if (request.launch.size() > kLaunchSize)
        return Error{Category::usage, 0, fmt::format("launch line of {} bytes, at most 32 fit", request.launch.size())};
    ImagePlan plan;
    std::ranges::copy(request.launch, plan.header.launch.begin());
    plan.header.uuid = request.uuid;
    plan.header.created = plan.header.modified = request.time;
    for (const NewObject& object : request.objects) {
        const auto id = static_cast<std::uint32_t>(plan.objects.size() + 1);
        BERTH_TRY(PlannedObject planned, plan_object(object, id, request.time));
        const auto partition = partition_extra(planned.descriptor);
        if (partition && partition->kind == PartitionKind::primary_system)
            plan.header.architecture = partition->architecture;
        plan.objects.push_back(std::move(planned));
    }
    BERTH_CHECK(lay_out(plan, kDescriptorsTotal));
    return plan;
}

void replace(PlannedObject& object, const Replacement& replacement, std::int64_t time) {
    Descriptor& d = object.descriptor;
    d.size = replacement.fd_size;
    d.modified = time;
    object.content = {{}, replacement.fd, 0, replacement.fd_size};
}

Result<ImagePlan> plan(const Image& source, int source_fd, const CopyRequest& request) {
    ImagePlan plan;
    plan.header = source.header();
    plan.header.modified = request.time;
    for (const Descriptor& descriptor : source.descriptors()) {
        if (std::ranges::find(request.leave_out, descriptor.id) != request.leave_out.end()) continue;
        PlannedObject object = plan_existing(descriptor, source_fd);
        if (request.replacement && request.replacement->id == descriptor.id)
            replace(object, *request.replacement, request.time);
        plan.objects.push_back(object);
    }
    BERTH_CHECK(lay_out(plan, std::max(source.header().descriptors_total, kDescriptorsTotal)));
    return plan;
}

}  // namespace

Status create(int fd, const WriteRequest& request, const std::string& name) {
    const auto planned = plan(request);
    if (!planned) return Error(planned.error()).within(name);
    return write_image(fd, *planned, request.stop, name);
}

Status copy(int fd, const Image& source, int source_fd, const CopyRequest& request, const std::string& name) {
    const auto planned = plan(source, source_fd, request);
    if (!planned) return Error(planned.error()).within(name);
    return write_image(fd, *planned, request.stop, name);
}

}  // namespace berth::sif
