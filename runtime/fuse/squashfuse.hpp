// libsquashfuse's headers, which are C without saying so and leave their build's configuration behind.
#pragma once

extern "C" {
#include <squashfuse/squashfuse.h>
}

#undef FUSE_USE_VERSION
#undef VERSION
#undef PACKAGE
