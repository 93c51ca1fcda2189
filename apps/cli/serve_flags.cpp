#include "apps/cli/serve_flags.h"

#include "apps/text/typed.h"

namespace fovea::apps {

void ServeFlags::check() const {
  if (!token.empty() && !given()) wrong("--token: goes with --serve");
}

void add_serve_flags(const Command& command, ServeFlags& flags, const char* help) {
  command.option("--serve", flags.address, help).type_name("[ADDR:]PORT");
  command
      .option("--token", flags.token,
              "What browsers must know, as in http://ADDR:PORT/?token=WORD (else $FOVEA_TOKEN); needed "
              "beyond this machine")
      .type_name("WORD");
}

}  // namespace fovea::apps
