// What writes ids, one after another.
#pragma once

#include <cstdint>

#include "fovea/generate.h"

namespace fovea {

class IdWriter {
 public:
  virtual ~IdWriter() = default;

  struct Ids {
    uint32_t start = 0, end = 0, pad = 0;
  };
  virtual Ids ids() const = 0;
  // What the ids say of a picture; none where they are about something else.
  virtual TextTask task() const { return TextTask::none; }
};

}  // namespace fovea
