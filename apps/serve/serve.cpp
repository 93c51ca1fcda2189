#include "apps/serve/serve.h"

#include <fmt/format.h>
#include <malloc.h>

#include <cstdlib>

#include "apps/serve/api.h"
#include "apps/serve/server.h"
#include "apps/ui/engine.h"
#include "apps/util/exit_codes.h"
#include "apps/util/terminal.h"

namespace fovea::apps::serve {
namespace {

// Each of a hundred threads would keep the memory that a large picture took: let them share, and give what is
// large back at once.
void keep_memory_flat() {
#ifdef __GLIBC__
  mallopt(M_ARENA_MAX, 2);
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}

int run(Service& api, const Address& address) {
  Server server(address.host, address.port, api);
  const bool v6 = address.host.find(':') != std::string::npos;
  const std::string host = v6 ? fmt::format("[{}]", address.host) : address.host;
  write_out(fmt::format("http://{}:{}/\n", host, server.port()));
  flush_out();
  while (!interrupted()) {
    server.serve(std::chrono::milliseconds(100));
    api.sweep();
    api.rethrow_failure();
  }
  api.stop();
  server.stop();
  return exit_good;
}

}  // namespace

std::string token_or_variable(const std::string& flag) {
  const char* variable = std::getenv("FOVEA_TOKEN");
  return flag.empty() && variable != nullptr ? variable : flag;
}

int serve(const Provenance& provenance, std::unique_ptr<FrameFeed> source, const View& first_view,
          const Address& address, const Guard& guard) {
  keep_memory_flat();
  auto feed = std::make_unique<BrowserCamera>(std::move(source));
  BrowserCamera& camera = *feed;
  Engine engine(provenance.model(), std::move(feed));
  Api api(engine, camera, provenance, first_view, guard);
  return run(api, address);
}

int serve_texts(TextSession& session, const TextDefaults& defaults, const Address& address,
                const Guard& guard) {
  keep_memory_flat();
  TextApi api(session, defaults, guard);
  return run(api, address);
}

}  // namespace fovea::apps::serve
