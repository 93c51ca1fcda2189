// One HTTP request and its answer, over libcurl. Redirects are not followed: the caller decides where a
// token may go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fovea::apps::hub {

struct Request {
  std::string url;
  bool head = false;                 // headers alone
  std::vector<std::string> headers;  // "Name: value"
  bool plain_http = false;           // http:// is allowed beside https://
};

struct Answer {
  int status = 0;                                          // 0: there was none
  std::map<std::string, std::string, std::less<>> header;  // names in lower case
  std::string redirect;                                    // absolute address, where the answer is one
  std::string problem;                                     // why it broke off; empty when it is whole
  bool hopeless = false;                                   // another attempt would end the same way
  std::optional<uint64_t> retry_after;                     // seconds

  std::string_view get(std::string_view name) const;  // empty when there is none
  std::optional<uint64_t> number(std::string_view name) const;
  bool good() const { return status >= 200 && status < 300; }
};

// What an answer's body is written to: called for successes alone, with the headers complete. False stops.
using Sink = std::function<bool(const Answer& answer, std::span<const std::byte> piece)>;

class Http {
 public:
  Http();  // throws Error(unsupported) where libcurl does not start
  ~Http();
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;

  // Ends early when `interrupted()`, or when less than 100 bytes a second came for some time: 30 seconds,
  // or $HF_HUB_DOWNLOAD_TIMEOUT. Connections are kept for the next request.
  Answer ask(const Request& request, const Sink& sink = {});

 private:
  void* handle_;
};

// "https://host:port", for comparing; empty for an address that is none.
std::string origin_of(std::string_view url);

}  // namespace fovea::apps::hub
