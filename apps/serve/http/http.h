// Requests and responses as handlers see them, and the reader that makes the one out of a peer's bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fovea::apps::serve {

// A request that is answered with an error, {"error": message}.
class Refusal : public std::runtime_error {
 public:
  Refusal(int status, const std::string& message) : std::runtime_error(message), status_(status) {}
  int status() const { return status_; }

 private:
  int status_;
};

struct Request {
  std::string method;
  std::string path;                            // as sent, before the question mark
  std::map<std::string, std::string> query;    // decoded; of names given twice the first
  std::map<std::string, std::string> headers;  // names in small letters; of names given twice the first
  std::string body;
  bool keep_alive = false;

  // Empty where there is none.
  std::string_view header(const std::string& name) const;
  const std::string* parameter(const std::string& name) const;
};

// Where a response without a known end goes, picture by picture.
class Outlet {
 public:
  virtual ~Outlet() = default;
  // Waits until the peer has taken most of what was sent; false when it is gone or the server stops.
  virtual bool ready(int wait_ms) = 0;
  // False when the peer is gone or too slow.
  virtual bool send(std::string_view bytes) = 0;
  virtual bool stopping() const = 0;
  // Whether the peer has hung up.
  virtual bool gone() = 0;
};

using Bytes = std::shared_ptr<const std::string>;  // one picture for many clients

struct Response {
  int status = 200;
  std::string type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  Bytes body = std::make_shared<const std::string>();
  std::function<void(Outlet&)> stream;  // where set, called after the head instead of sending the body
};

Response text_response(std::string text, std::string type, int status = 200);
Response error_response(int status, const std::string& message);
const char* reason_of(int status);
// Status line and headers. `close` says that the connection ends with it.
std::string head_of(const Response& response, bool close);

// "%41" and "+" decoded; nothing where that makes no sense.
std::optional<std::string> decode_url(std::string_view text);

constexpr uint32_t most_header_bytes = 16 << 10;
constexpr uint64_t most_body_bytes = 32 << 20;

// Reads one request from a peer that is not trusted.
class RequestReader {
 public:
  RequestReader();
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  // Takes bytes from the front of `buffer`; what follows the request stays there. Stops after the headers
  // once, so that the caller can look at them and limit the body. Throws Refusal.
  void take(std::string& buffer);
  bool head_done() const;
  bool done() const;
  // What take() has understood: everything but the body after the headers.
  Request& request() { return request_; }
  // Throws Refusal when the headers already announce more.
  void limit_body(uint64_t bytes);

 private:
  struct Impl;
  void read_head();

  std::unique_ptr<Impl> impl_;
  Request request_;
};

}  // namespace fovea::apps::serve
