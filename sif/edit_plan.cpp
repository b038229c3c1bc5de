#include "sif/edit_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace berth::sif {
namespace {

bool is_primary(const Descriptor& descriptor) {
    const auto partition = partition_extra(descriptor);
    return descriptor.used != 0 && partition && partition->kind == PartitionKind::primary_system;
}

std::uint64_t table_end(const Header& header) {
    return header.descriptors_offset + header.descriptors_size;
}

/// The smallest number that no object has and no link names: a link that was left dangling must not find a new object.
std::uint32_t free_id(const Image& image, const Table& table) {
    std::vector<std::uint32_t> taken;
    const auto take = [&taken](const Descriptor& d) {
        if (d.used == 0) return;
        taken.push_back(d.id);
        taken.push_back(d.link);
    };
    std::ranges::for_each(image.descriptors(), take);
    std::ranges::for_each(table, take);
    std::uint32_t id = 1;
    while (std::ranges::find(taken, id) != taken.end()) ++id;
    return id;
}

/// The one edit that is being planned.
class Planner {
public:
    Planner(const Image& image, const Table& table, std::int64_t time) : image_(image), time_(time) {
        plan_.header = image.header();
        plan_.header.modified = time;
        plan_.table = table;
        end_ = std::max(table_end(plan_.header), plan_.header.data_offset + plan_.header.data_size);
        for (const Descriptor& d : image.descriptors()) end_ = std::max(end_, d.offset + d.size);
    }

    Result<EditPlan> make(const Changes& changes) && {
        for (const std::uint32_t id : changes.remove) BERTH_CHECK(remove(id));
        for (const NewObject& object : changes.append) BERTH_CHECK(append(object));
        if (changes.primary) BERTH_CHECK(set_primary(*changes.primary));
        finish(changes.compact);
        return std::move(plan_);
    }

private:
    [[nodiscard]] Error usage(const std::string& message) const {
        return {Category::usage, 0, image_.name() + ": " + message};
    }

    Status remove(std::uint32_t id) {
        for (Descriptor& d : plan_.table) {
            if (d.used == 0 || d.id != id) continue;
            plan_.removed.push_back(d);
            d = Descriptor{};
            d.group = 0;  // all bytes of an empty place are zero
            return {};
        }
        BERTH_TRY(const Descriptor found, image_.object(id));
        return usage(fmt::format("object {} is to be removed twice", found.id));
    }

    Status append(const NewObject& object) {
        auto made = plan_object(object, free_id(image_, plan_.table), time_);
        if (!made) return std::move(made).error().within(image_.name());
        PlannedObject planned = *std::move(made);
        const auto primary = std::ranges::find_if(plan_.table, is_primary);
        if (is_primary(planned.descriptor) && primary != plan_.table.end())
            return usage(fmt::format("object {} is the primary partition already; an image has one", primary->id));
        if (auto placed = place(planned, end_); !placed) return std::move(placed).error().within(image_.name());
        const auto unused = std::ranges::find(plan_.table, 0, &Descriptor::used);
        if (unused != plan_.table.end())
            *unused = planned.descriptor;
        else if (plan_.table.size() < kMaxDescriptors)
            plan_.table.push_back(planned.descriptor);
        else
            return usage(fmt::format("the image has {} objects, more cannot be added", kMaxDescriptors));
        plan_.added.push_back(planned);
        return {};
    }

    Status set_primary(std::uint32_t id) {
        const auto chosen =
            std::ranges::find_if(plan_.table, [id](const Descriptor& d) { return d.used != 0 && d.id == id; });
        if (chosen == plan_.table.end()) {
            BERTH_TRY(const Descriptor found, image_.object(id));
            return usage(fmt::format("object {} is to be removed and cannot be the primary partition", found.id));
        }
        const auto partition = partition_extra(*chosen);
        if (!partition || (partition->kind != PartitionKind::system && !is_primary(*chosen)))
            return usage(fmt::format("object {} is not a system partition, so it cannot be the primary one", id));
        for (Descriptor& d : plan_.table)
            if (is_primary(d) && d.id != id) set_kind(d, PartitionKind::system);
        if (!is_primary(*chosen)) set_kind(*chosen, PartitionKind::primary_system);
        return {};
    }

    void set_kind(Descriptor& descriptor, PartitionKind kind) const {
        auto partition = *partition_extra(descriptor);
        partition.kind = kind;
        set_partition_extra(descriptor, partition);
        descriptor.modified = time_;
    }

    void finish(bool compact) {
        Header& header = plan_.header;
        // Behind a table that follows the data there is no room that would belong to the data section.
        plan_.in_place = plan_.table.size() == header.descriptors_total && table_end(header) <= header.data_offset;
        const auto primary = std::ranges::find_if(plan_.table, is_primary);
        header.architecture =
            primary == plan_.table.end() ? Header{}.architecture : partition_extra(*primary)->architecture;
        header.descriptors_free = static_cast<std::uint64_t>(std::ranges::count(plan_.table, 0, &Descriptor::used));
        if (compact) end_ = std::max(header.data_offset, table_end(header));
        for (const Descriptor& d : plan_.table)
            if (d.used != 0) end_ = std::max(end_, d.offset + d.size);
        header.data_size = end_ > header.data_offset ? end_ - header.data_offset : 0;
    }

    const Image& image_;
    std::int64_t time_;
    EditPlan plan_;
    std::uint64_t end_ = 0;
};

}  // namespace

Result<EditPlan> plan_edit(const Image& image, const Table& table, const Changes& changes, std::int64_t time) {
    return Planner(image, table, time).make(changes);
}

}  // namespace berth::sif
