// `--serve` and its token, as typed.
#pragma once

#include <string>

#include "apps/command_line/command_line.h"

namespace fovea::apps {

struct ServeFlags {
  std::string address, token;

  bool given() const { return !address.empty(); }
  // Throws Error(usage) for a token without an address.
  void check() const;
};

// help: what is shown at the address.
void add_serve_flags(const Command& command, ServeFlags& flags, const char* help);

}  // namespace fovea::apps
