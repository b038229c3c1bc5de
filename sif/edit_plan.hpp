// What an edit makes of an image's descriptor table, before anything is written. Pure. Not installed.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/base/result.hpp"
#include "sif/editor.hpp"
#include "sif/layout.hpp"

namespace berth::sif {

/// The whole table, unused places too: their bytes are kept.
using Table = std::vector<Descriptor>;

struct EditPlan {
    Header header;                     ///< as it is to be in the end, where the edit is done in place
    Table table;                       ///< may be longer than the image's own: then it does not fit in place
    std::vector<PlannedObject> added;  ///< Changes::append, in its order, placed behind the data
    std::vector<Descriptor> removed;   ///< as they were
    bool in_place = false;
};

/// Category::usage: an id that is not there, a second primary partition, an object that the format cannot hold.
[[nodiscard]] Result<EditPlan> plan_edit(const Image& image, const Table& table, const Changes& changes,
                                         std::int64_t time);

}  // namespace berth::sif
