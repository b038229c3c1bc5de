#include "sif/verify_tasks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace berth::sif {
namespace {

bool is_signature(const Descriptor& object) {
    return object.type == ObjectType::signature;
}

std::set<std::uint32_t> all_groups(const Image& image) {
    std::set<std::uint32_t> groups;
    for (const Descriptor& object : image.descriptors())
        if (const auto group = object.group_number(); group && !is_signature(object)) groups.insert(*group);
    return groups;
}

Result<VerifyTask> whole_group(const Image& image, std::uint32_t group) {
    VerifyTask task{group, std::nullopt, group_objects(image, group), true};
    if (task.objects.empty())
        return Error{Category::usage, 0, fmt::format("{}: no objects in group {}", image.name(), group)};
    return task;
}

Problem outside_groups(const Image& image, std::uint32_t id) {
    return {Failure::outside_groups, std::nullopt, id,
            fmt::format("{}: object {} belongs to no group, so nothing signs it", image.name(), id)};
}

/// The primary partition's group.
Result<std::vector<VerifyTask>> primary_group(const Image& image, std::vector<Problem>& problems) {
    BERTH_TRY(const PrimaryPartition primary, image.primary_partition());
    const auto group = primary.descriptor.group_number();
    if (!group) {
        problems.push_back(outside_groups(image, primary.descriptor.id));
        return std::vector<VerifyTask>();
    }
    BERTH_TRY(VerifyTask task, whole_group(image, *group));
    return std::vector{std::move(task)};
}

/// The object to verify; signatures are none.
Result<Descriptor> named_object(const Image& image, std::uint32_t id) {
    BERTH_TRY(Descriptor object, image.object(id));
    if (is_signature(object))
        return Error{Category::usage, 0, fmt::format("{}: object {} is itself a signature", image.name(), id)};
    return object;
}

VerifyTask alone(const Descriptor& object) {
    return {std::nullopt, object.id, {object}, false};
}

/// Everything, in the current form.
Result<std::vector<VerifyTask>> everything(const Image& image, std::vector<Problem>& problems) {
    std::vector<VerifyTask> tasks;
    for (const Descriptor& object : image.descriptors())
        if (!object.group_number() && !is_signature(object)) problems.push_back(outside_groups(image, object.id));
    const auto groups = all_groups(image);
    for (const Descriptor& object : image.descriptors())
        if (const auto group = object.linked_group(); group && is_signature(object) && !groups.contains(*group))
            problems.push_back({Failure::object_missing, group, std::nullopt,
                                fmt::format("{}: signature object {} signs group {}, of which nothing is left",
                                            image.name(), object.id, *group)});
    for (const std::uint32_t group : groups) {
        BERTH_TRY(VerifyTask task, whole_group(image, group));
        tasks.push_back(std::move(task));
    }
    if (tasks.empty())
        problems.push_back(
            {Failure::no_signature, std::nullopt, std::nullopt, image.name() + ": there is nothing to verify"});
    return tasks;
}

Result<std::vector<VerifyTask>> everything_legacy(const Image& image, bool all, std::vector<Problem>& problems) {
    std::vector<VerifyTask> tasks;
    if (!all) {
        BERTH_TRY(const PrimaryPartition primary, image.primary_partition());
        tasks.push_back(alone(primary.descriptor));
        return tasks;
    }
    BERTH_TRY(const auto groups, everything(image, problems));
    for (const VerifyTask& group : groups)
        for (const Descriptor& object : group.objects) tasks.push_back(alone(object));
    return tasks;
}

/// The objects named, those of one group together.
Result<std::vector<VerifyTask>> named_objects(const Image& image, const std::vector<std::uint32_t>& ids,
                                              std::vector<Problem>& problems) {
    std::map<std::uint32_t, VerifyTask> by_group;
    for (const std::uint32_t id : std::set(ids.begin(), ids.end())) {
        BERTH_TRY(const Descriptor object, named_object(image, id));
        const auto group = object.group_number();
        if (!group) {
            problems.push_back(outside_groups(image, id));
            continue;
        }
        VerifyTask& task = by_group[*group];
        task.group = group;
        task.objects.push_back(object);
    }
    std::vector<VerifyTask> tasks;
    for (auto& [group, task] : by_group) tasks.push_back(std::move(task));
    return tasks;
}

}  // namespace

std::vector<Descriptor> group_objects(const Image& image, std::uint32_t group) {
    std::vector<Descriptor> objects;
    for (const Descriptor& object : image.descriptors())
        if (object.group_number() == group && !is_signature(object)) objects.push_back(object);
    std::ranges::sort(objects, {}, &Descriptor::id);
    return objects;
}

std::uint32_t lowest_id(const Image& image, std::uint32_t group) {
    const auto objects = group_objects(image, group);
    return objects.empty() ? 0 : objects.front().id;
}

Result<std::vector<VerifyTask>> verify_tasks(const Image& image, const VerifyRequest& request,
                                             std::vector<Problem>& problems) {
    if (request.lazy) return primary_group(image, problems);
    if (request.groups.empty() && request.objects.empty())
        return request.legacy ? everything_legacy(image, request.legacy_all, problems) : everything(image, problems);
    std::vector<VerifyTask> tasks;
    for (const std::uint32_t group : std::set(request.groups.begin(), request.groups.end())) {
        BERTH_TRY(VerifyTask task, whole_group(image, group));
        tasks.push_back(std::move(task));
    }
    if (request.legacy) {
        for (const std::uint32_t id : std::set(request.objects.begin(), request.objects.end())) {
            BERTH_TRY(const Descriptor object, named_object(image, id));
            tasks.push_back(alone(object));
        }
        return tasks;
    }
    BERTH_TRY(auto named, named_objects(image, request.objects, problems));
    std::ranges::move(named, std::back_inserter(tasks));
    return tasks;
}

std::vector<Descriptor> signatures_of(const Image& image, const VerifyTask& task) {
    std::vector<Descriptor> found;
    for (const Descriptor& object : image.descriptors()) {
        if (!is_signature(object)) continue;
        if (task.group ? object.linked_group() == task.group : object.linked_object() == task.object)
            found.push_back(object);
    }
    return found;
}

}  // namespace berth::sif
