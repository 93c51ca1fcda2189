// What a stranger sends to the server: requests, one after another in pieces of any size, and forms with
// files.
#include <cstddef>
#include <cstdint>
#include <string>

#include "apps/serve/http/http.h"
#include "apps/serve/http/multipart.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace fovea::apps::serve;
  if (size == 0) return 0;
  const size_t piece = 1 + data[0];
  std::string rest(reinterpret_cast<const char*>(data + 1), size - 1), buffer;
  try {
    while (!rest.empty() || !buffer.empty()) {
      RequestReader reader;
      bool limited = false;
      while (!reader.done()) {
        const size_t before = buffer.size();
        reader.take(buffer);
        if (reader.head_done() && !limited) {
          reader.limit_body(1 << 16);
          limited = true;
          continue;
        }
        if (reader.done()) break;
        if (rest.empty() && buffer.size() == before) return 0;
        buffer.append(rest, 0, piece);
        rest.erase(0, piece);
      }
      const Request& request = reader.request();
      if (request.body.size() > (1 << 16)) __builtin_trap();
      const std::string_view type = request.header("content-type");
      if (is_multipart(type)) (void)first_file(type, request.body);
    }
  } catch (const Refusal&) {
  }
  return 0;
}
