// What the services of `--serve` have in common: addresses that lead to functions, the files of the page, and
// how they end.
#pragma once

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "apps/serve/guard.h"
#include "apps/serve/server.h"
#include "apps/text/json.h"
#include "fovea/error.h"

namespace fovea::apps::serve {

using Parts = std::vector<std::string_view>;  // of a path
Parts parts_of(const Request& request);

// One address and method. "*" stands for any name.
template <class Api>
struct Route {
  const char* method;
  Parts path;
  Response (Api::*answer)(const Request&, const Parts&);
  uint64_t most_body = 0;
};

bool leads_to(const Parts& path, const Parts& given);
// Throws Refusal(404) where no method is known, Refusal(405) with those that are.
[[noreturn]] void refuse_route(const std::string& other_methods);

template <class Api>
const Route<Api>& route_of(const std::vector<Route<Api>>& routes, const Request& request,
                           const Parts& parts) {
  const std::string_view method = request.method == "HEAD" ? "GET" : std::string_view(request.method);
  std::string others;
  for (const Route<Api>& route : routes) {
    if (!leads_to(route.path, parts)) continue;
    if (route.method == method) return route;
    others += (others.empty() ? "" : ", ") + std::string(route.method);
  }
  refuse_route(others);
}

Response json_response(const Json& json, int status = 200);
// A parameter that is a whole number. Throws Refusal(422).
uint64_t whole_parameter(const Request& request, const char* name, uint64_t otherwise);
// Only what was built into the program: no request reaches the disk. `first` is the page at "/".
Response page_response(std::string_view name, std::string_view first);

class Service : public Handler {
 public:
  // Forgets those who ask for nothing any more.
  virtual void sweep() {}
  // Lets those who wait for something go.
  void stop() { stopping_ = true; }
  // Throws what ended it, such as a lost device.
  void rethrow_failure() const;

 protected:
  bool stopping() const { return stopping_; }
  // For the error that is being handled: what no later request survives ends the program.
  void note(const Error& error);

 private:
  std::atomic<bool> stopping_{false};
  mutable std::mutex failing_;
  std::exception_ptr failure_;
};

}  // namespace fovea::apps::serve
